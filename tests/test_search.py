"""Beam search over glosses, held against ``generate`` and the decoder of transformers."""

import pytest
import torch
from transformers import LogitsProcessor, LogitsProcessorList, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.search import Decoder, beam_search

KINDS = {
    "ours": {"feed_forward_proj": "gated-gelu", "num_layers": 2},
    "the first T5": {"feed_forward_proj": "relu", "num_layers": 3},
    "flan": {"feed_forward_proj": "gated-gelu", "num_layers": 1, "tie_word_embeddings": False},
}
GLOSSES = torch.tensor([1, 5, 6, 7, 8, 9, 20, 21, 22])  # 1 is the end
ANY = torch.inf
LEFT = torch.tensor([[ANY, 2, 2, 2, 2, 2, 2, 1, 0], [ANY, 1, 1, 1, 1, 1, 1, 2, 1], [ANY, ANY, 2, 1, 2, 1, 2, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]])
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


class Sayable(LogitsProcessor):
    """The rules of the search, for ``generate``: p over the glosses, each as often as it may be written."""

    def __init__(self, glosses, left):
        self.glosses, self.left = glosses, left

    def __call__(self, input_ids, scores):
        written = (input_ids[:, :, None] == self.glosses).sum(1)
        kept = scores[:, self.glosses].log_softmax(-1).masked_fill(written >= self.left, -torch.inf)
        return torch.full_like(scores, -torch.inf).index_copy(1, self.glosses, kept)


def t5(kind="ours", seed=0):
    """Random weights that leave a token's own vector behind, so that what follows is not always the same token again."""
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(T5Config(
        vocab_size=30, d_model=32, d_kv=12, d_ff=40, num_heads=2, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **KINDS[kind]
    )).eval().requires_grad_(False)
    model.shared.weight.mul_(0.3)
    model.decoder.final_layer_norm.weight.mul_(4)
    return model


@torch.inference_mode()
def generated(model, H, mask, glosses, left, beams, longest, length_penalty):
    """For each text what ``generate`` finds: (tokens, score) best first; no score from greedy search, which keeps none."""
    out = model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=H), attention_mask=mask, num_beams=beams, num_return_sequences=beams,
        logits_processor=LogitsProcessorList([Sayable(glosses, left.repeat_interleave(beams, 0))]), max_new_tokens=longest,
        length_penalty=length_penalty, do_sample=False, output_scores=True, return_dict_in_generate=True)
    tokens = [row[1 : row.index(1) + 1] if 1 in row else row[1:] for row in out.sequences.tolist()]  # without the start and what is after the end
    scores = [None] * len(tokens) if beams == 1 else out.sequences_scores.tolist()
    return [list(zip(tokens[i : i + beams], scores[i : i + beams])) for i in range(0, len(tokens), beams)]


def check_against_generate(model, H, mask, glosses, left, *settings):
    found, states = beam_search(model, H, mask, glosses, left, *settings)
    for text, (mine, theirs) in enumerate(zip(found, generated(model, H, mask, glosses, left, *settings), strict=True)):
        assert [glosses[one.glosses].tolist() for one in mine] == [tokens for tokens, _ in theirs]
        for one, (_, score) in zip(mine, theirs):
            assert score is None or one.score == pytest.approx(score, abs=1e-4)
        fed = torch.tensor([[model.config.decoder_start_token_id, *theirs[-1][0][:-1]]])
        with torch.inference_mode():
            whole = model.decoder(input_ids=fed, encoder_hidden_states=H[[text]], encoder_attention_mask=mask[[text]]).last_hidden_state
        assert torch.allclose(states[mine[-1].places], whole[0], **CLOSE)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_the_states_are_those_of_the_whole_sentence(kind):
    model, H = t5(kind), torch.randn(3, 6, 32)
    steps = [([0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 2, 2]), ([5, 6, 7, 8, 9, 20], [0, 0, 2, 3, 4, 4]), ([6, 6, 6, 9, 9, 9], [1, 0, 2, 2, 5, 4])]
    with torch.inference_mode():
        decoder = Decoder(model, H, MASK, longest=4)
        for tokens, parents in steps:
            last = decoder.step(torch.tensor(tokens), torch.tensor(parents))
        read = torch.tensor([[0, 6, 6], [0, 5, 6], [0, 7, 6], [0, 7, 9], [0, 20, 9], [0, 9, 9]])
        texts = torch.tensor([0, 0, 1, 1, 2, 2])
        whole = model.decoder(input_ids=read, encoder_hidden_states=H[texts], encoder_attention_mask=MASK[texts]).last_hidden_state
        assert torch.allclose(last, whole[:, -1], **CLOSE)
        decoder.keep(torch.tensor([0, 2]))
        last = decoder.step(torch.tensor([8, 8, 7, 7]), torch.tensor([0, 1, 5, 4]))
        rows = torch.tensor([0, 1, 5, 4])
        read = torch.cat([read[rows], torch.tensor([8, 8, 7, 7])[:, None]], 1)
        whole = model.decoder(input_ids=read, encoder_hidden_states=H[texts[rows]], encoder_attention_mask=MASK[texts[rows]]).last_hidden_state
        assert torch.allclose(last, whole[:, -1], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beams, longest, length_penalty", [(1, 12, 1.0), (2, 12, 0.0), (3, 12, 2.0), (4, 12, 1.0), (4, 5, 1.0), (3, 9, -1.0)])
def test_it_finds_what_generate_finds(kind, beams, longest, length_penalty):
    lengths = set()
    for seed in range(3):
        model = t5(kind, seed)
        found = check_against_generate(model, torch.randn(3, 6, 32), MASK, GLOSSES, LEFT, beams, longest, length_penalty)
        lengths |= {len(one.glosses) for row in found for one in row}
    assert len(lengths) > 1


def test_the_shipped_model_writes_what_generate_writes(slul):
    encoded = [slul.tokenizer.encode_words(text) for text, _ in read_pairs(FOLDER, "dev")[:24]]
    batch = slul.batch(encoded)
    with torch.inference_mode():
        H = slul.encode(batch)
    held = (batch["input_ids"][:, :, None] == slul.glosses).sum(1)
    left = torch.where(slul.slots, held, torch.inf)
    assert held[:, slul.slots].any()
    settings = 4, slul.settings["max_glosses"], slul.settings["length_penalty"]
    wanted = check_against_generate(slul.model, H, batch["attention_mask"], slul.glosses, left, *settings)
    assert [row[0].glosses for row in slul.search(H, batch, beams=4)[0]] == [row[0].glosses for row in wanted]


def test_a_text_finds_the_same_alone_and_among_others():
    model, H = t5(seed=1), torch.randn(3, 6, 32)
    together, _ = beam_search(model, H, MASK, GLOSSES, LEFT, 3, 12, 1.0)
    for text in range(3):
        ((*alone,),), _ = beam_search(model, H[[text]], MASK[[text]], GLOSSES, LEFT[[text]], 3, 12, 1.0)
        assert [one.glosses for one in alone] == [one.glosses for one in together[text]]


def test_a_gloss_is_written_as_often_as_it_may_be():
    most = torch.zeros(2, len(GLOSSES))
    for seed in range(5):
        model, H = t5(seed=seed), torch.randn(3, 6, 32)
        for limited, left in enumerate([torch.full_like(LEFT, ANY), LEFT]):
            found, _ = beam_search(model, H, MASK, GLOSSES, left, 4, 12, 2.0)
            for text, row in enumerate(found):
                for one in row:
                    written = torch.bincount(torch.tensor(one.glosses), minlength=len(GLOSSES))
                    assert (written <= left[text]).all()
                    most[limited] = most[limited].maximum(written)
    assert most[0, 7] > 2 and most[0, 8] > 1 and most[1, 7] == 2 and most[1, 8] == 1


def test_fewer_sentences_than_beams_are_found_once_each():
    left = torch.tensor([[ANY, 1], [ANY, 0]])
    found, _ = beam_search(t5(), torch.randn(2, 6, 32), MASK[:2], torch.tensor([1, 5]), left, 3, 12, 1.0)
    assert sorted(one.glosses for one in found[0]) == [[0], [1, 0]] and [one.glosses for one in found[1]] == [[0]]


def test_at_the_greatest_length_a_sentence_stands_as_it_is():
    never_ending = LEFT.clone().index_fill(1, torch.tensor([0]), 0)
    found, _ = beam_search(t5(), torch.randn(3, 6, 32), MASK, GLOSSES, never_ending, 2, 5, 1.0)
    assert [len(one.glosses) for row in found for one in row] == [5] * 6 and not any(0 in one.glosses for row in found for one in row)
