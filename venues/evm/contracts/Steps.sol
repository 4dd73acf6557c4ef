// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Check, Checking} from "./Executor.sol";

/// What a Safe's multisend lacks: it says which step begins, and holds what must hold at the end.
///
/// It has no state and no rights: a Safe calls it between its own calls, and whoever else calls it
/// says something about himself only.
contract Steps is Checking {
    event BeganFor(address indexed account, uint256 indexed step, address indexed target, uint256 value);

    /// Said before each call, so that the logs that the call causes are of its step.
    function began(uint256 step, address target, uint256 value) external {
        emit BeganFor(msg.sender, step, target, value);
    }

    /// Reverts unless all of it holds, not after a time; so everything before it reverts too.
    function hold(Check[] calldata checks, uint256 notAfter) external view {
        if (block.timestamp > notAfter) revert Late(block.timestamp, notAfter);
        for (uint256 i; i < checks.length; ++i) _check(i, checks[i]);
    }
}
