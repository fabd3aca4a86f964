"""Drives the unmodified `openai` package for Python against a node.

    python openai_client_test.py     (FAIRWEIGHT_TEST_URL, FAIRWEIGHT_TEST_KEY, FAIRWEIGHT_TEST_MODEL)
"""
import os
import unittest

import openai

MODEL = os.environ.get("FAIRWEIGHT_TEST_MODEL", "pool-base")
ASK = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "What is the answer?"}],
    "temperature": 0,
    "max_completion_tokens": 8,
}


def client(key: str = os.environ["FAIRWEIGHT_TEST_KEY"]) -> openai.OpenAI:
    return openai.OpenAI(base_url=os.environ["FAIRWEIGHT_TEST_URL"] + "/v1", api_key=key, max_retries=0)


class OpenAiForPython(unittest.TestCase):
    def test_lists_models_and_finds_one(self) -> None:
        self.assertIn(MODEL, [model.id for model in client().models.list()])
        self.assertEqual(client().models.retrieve(MODEL).id, MODEL)

    def test_reads_an_answer_in_one_piece(self) -> None:
        answer = client().chat.completions.create(**ASK)
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_reads_a_stream_with_its_usage(self) -> None:
        options = {"include_usage": True}
        chunks = list(client().chat.completions.create(**ASK, stream=True, stream_options=options))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertTrue(text)
        self.assertNotIn("fairweight-mark", text)
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_leaves_a_stream_early(self) -> None:
        with client().chat.completions.create(**ASK, stream=True) as stream:
            next(iter(stream))
        self.assertTrue(client().chat.completions.create(**ASK).choices)

    def test_tells_errors_apart(self) -> None:
        with self.assertRaises(openai.NotFoundError) as absent:
            client().chat.completions.create(**{**ASK, "model": "absent"})
        self.assertEqual(absent.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as twice:
            client().chat.completions.create(**ASK, n=2)
        self.assertEqual(twice.exception.param, "n")
        with self.assertRaises(openai.AuthenticationError):
            client("sk-nobody-knows-this").chat.completions.create(**ASK)


if __name__ == "__main__":
    unittest.main()
