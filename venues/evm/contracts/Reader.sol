// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

struct Question {
    address target;
    bytes data;
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

    /// The answers as the reason of a revert: from the midst of a transaction that goes no further.
    function reveal(Question[] calldata questions) external view {
        revert Revealed(read(questions));
    }
}
