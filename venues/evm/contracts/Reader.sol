// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

struct Question {
    address target;
    bytes data;
}

/// A request in Lido's queue, as it tells of it.
struct Request {
    uint256 amount;
    uint256 shares;
    address owner;
    uint256 time;
    bool isFinalized;
    bool isClaimed;
}

/// Lido's queue of withdrawals.
interface ILidoQueue {
    function getWithdrawalRequests(address owner) external view returns (uint256[] memory);
    function getWithdrawalStatus(uint256[] calldata ids) external view returns (Request[] memory);
}

/// ether.fi's requests to withdraw: it keeps no list of an owner's.
interface IFiQueue {
    function balanceOf(address owner) external view returns (uint256);
    function ownerOf(uint256 id) external view returns (address);
    function nextRequestId() external view returns (uint32);
    function getRequest(uint256 id) external view returns (uint96 amount, uint96 shares);
}

/// Answers many questions at one block. It is never on a chain: a call is given it as code.
contract Reader {
    error Revealed(bytes[] answers);

    /// The answers; a question without data is about a balance of ether. What fails answers nothing.
    function read(Question[] calldata questions) public view returns (bytes[] memory answers) {
        answers = new bytes[](questions.length);
        for (uint256 i; i < questions.length; ++i) {
            Question calldata one = questions[i];
            if (one.data.length == 0) {
                answers[i] = abi.encode(one.target.balance);
                continue;
            }
            (bool ok, bytes memory said) = one.target.staticcall(one.data);
            if (ok) answers[i] = said;
        }
    }

    /// What waits in Lido's queue for an owner, claimable or not.
    function lidoWaiting(ILidoQueue queue, address owner) external view returns (uint256 amount) {
        Request[] memory all = queue.getWithdrawalStatus(queue.getWithdrawalRequests(owner));
        for (uint256 i; i < all.length; ++i) if (!all[i].isClaimed) amount += all[i].amount;
    }

    /// The requests of an owner at ether.fi, oldest first: from the newest back, until all are found.
    function fiRequests(IFiQueue queue, address owner) public view returns (uint256[] memory ids) {
        uint256 left = queue.balanceOf(owner);
        ids = new uint256[](left);
        for (uint256 id = queue.nextRequestId(); left > 0;) {
            try queue.ownerOf(--id) returns (address its) {
                if (its == owner) ids[--left] = id;
            } catch {} // it was claimed
        }
    }

    /// What waits at ether.fi for an owner, claimable or not.
    function fiWaiting(IFiQueue queue, address owner) external view returns (uint256 amount) {
        uint256[] memory ids = fiRequests(queue, owner);
        for (uint256 i; i < ids.length; ++i) {
            (uint96 its,) = queue.getRequest(ids[i]);
            amount += its;
        }
    }

    /// The answers as the reason of a revert: from the midst of a transaction that goes no further.
    function reveal(Question[] calldata questions) external view {
        revert Revealed(read(questions));
    }
}
