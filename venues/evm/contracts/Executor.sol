// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

struct Call {
    uint256 step;
    address target;
    uint256 value;
    bytes data;
}

struct Check {
    address target;
    bytes data;
    uint256 word;
    uint256 least;
    uint256 most;
}

/// Looks at one word of what a contract answers.
abstract contract Checking {
    error Late(uint256 time, uint256 notAfter);
    error CheckFailed(uint256 check, uint256 found);

    function _check(uint256 number, Check calldata one) internal view {
        (bool ok, bytes memory said) = one.target.staticcall(one.data);
        uint256 word = one.word * 32 + 32;
        if (!ok || said.length < word) revert CheckFailed(number, 0);
        uint256 found;
        assembly ("memory-safe") {
            found := mload(add(said, word))
        }
        if (found < one.least || found > one.most) revert CheckFailed(number, found);
    }
}

/// The steps of one transaction: all of them take effect, or none does.
///
/// It runs in two ways. As the code that an account delegates to (EIP-7702) only the account itself
/// may call it, and `owner` is zero. As a contract of its own only its owner may.
///
/// A flash loan comes back as `executeOperation`. That is let in only from the one lender that is
/// fixed when the contract is made, only for a loan that this account itself has asked for, and only
/// while its own transaction runs: whoever is called by a step cannot make it do anything.
contract Executor is Checking {
    address public immutable owner;
    address public immutable lender;
    bool private transient running;

    /// Every call tells which step of the chain it belongs to, before the logs that it causes.
    event Began(uint256 indexed step, address indexed target, uint256 value);

    error NotOwner(address sender);
    error NotLent(address sender, address initiator);
    error Running();
    error CallFailed(uint256 step, address target, bytes reason);

    constructor(address owner_, address lender_) {
        owner = owner_;
        lender = lender_;
    }

    receive() external payable {}

    /// Run the calls, then the checks, not after a time.
    function execute(Call[] calldata calls, Check[] calldata checks, uint256 notAfter) external payable {
        bool own = owner == address(0) ? msg.sender == address(this) : msg.sender == owner;
        if (!own) revert NotOwner(msg.sender);
        if (running) revert Running();
        if (block.timestamp > notAfter) revert Late(block.timestamp, notAfter);
        running = true;
        _run(calls);
        for (uint256 i; i < checks.length; ++i) _check(i, checks[i]);
        running = false;
    }

    /// What is done with a flash loan, of which the lender then takes back the approved amount.
    function executeOperation(address, uint256, uint256, address initiator, bytes calldata params)
        external
        returns (bool)
    {
        if (msg.sender != lender || initiator != address(this) || !running) {
            revert NotLent(msg.sender, initiator);
        }
        _run(abi.decode(params, (Call[])));
        return true;
    }

    function _run(Call[] memory calls) private {
        for (uint256 i; i < calls.length; ++i) {
            Call memory one = calls[i];
            emit Began(one.step, one.target, one.value);
            (bool ok, bytes memory said) = one.target.call{value: one.value}(one.data);
            // A call to where there is no code succeeds; only plain ether goes to such places.
            if (ok && one.data.length != 0 && one.target.code.length == 0) ok = false;
            // A token that answers `false` instead of reverting has not done it either.
            if (ok && said.length == 32 && _denies(one.data, said)) ok = false;
            if (!ok) revert CallFailed(one.step, one.target, said);
        }
    }

    /// Whether a token says `false` to a transfer or an approval.
    function _denies(bytes memory data, bytes memory said) private pure returns (bool) {
        bytes4 what = bytes4(data);
        bool asked = what == 0xa9059cbb || what == 0x095ea7b3 || what == 0x23b872dd;
        return asked && abi.decode(said, (uint256)) == 0;
    }
}
