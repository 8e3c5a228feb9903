"""Repositories as the libraries of the Hub write them: weights, tokenizers, adapters, pipelines."""

import base64
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "-1"}
# What torch and transformers are needed for comes from this Python, what is added from the writers'.
sys.path.append(sys.argv[2])

import diffusers
import numpy as np
import peft
import pytorch_lightning
import sentence_transformers
import torch
import transformers
from accelerate import Accelerator
from gguf import GGUFWriter
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from sentence_transformers import models as parts
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.validators.writers.writing import Models

MODELS = Models()
TEXTS = ["the cat sat on the mat", "a dog ran <b>", "naïve café 你好"] * 20
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 300}
HEADS = {"num_attention_heads": 2}
CHAT = """{%- for message in messages %}
{{- '<|im_start|>' ~ message['role'] ~ '\\n' ~ message['content'] | trim ~ '<|im_end|>\\n' }}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""


def llama() -> Any:
    config = transformers.LlamaConfig(**SIZES, **HEADS, num_key_value_heads=2)
    return transformers.LlamaForCausalLM(config)


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<|im_start|>"]
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    )
    return tokenizer


def fast() -> Any:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(), unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = CHAT
    return tokenizer


@MODELS.named("llama")
def _llama(folder: Path) -> None:
    llama().save_pretrained(folder)
    fast().save_pretrained(folder)
    transformers.GenerationConfig(do_sample=True, temperature=0.7).save_pretrained(folder)


MODELS.add("llama-sharded", lambda folder: llama().save_pretrained(folder, max_shard_size="10KB"))


@MODELS.named("bert")
def _bert(folder: Path) -> None:
    transformers.BertModel(transformers.BertConfig(**SIZES, **HEADS)).save_pretrained(folder)


@MODELS.named("whisper")
def _whisper(folder: Path) -> None:
    config = transformers.WhisperConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=300,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    transformers.WhisperForConditionalGeneration(config).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)


@MODELS.named("vit")
def _vit(folder: Path) -> None:
    sizes = {key: value for key, value in SIZES.items() if key != "vocab_size"}
    transformers.ViTModel(transformers.ViTConfig(**sizes, **HEADS)).save_pretrained(folder)
    transformers.ViTImageProcessor().save_pretrained(folder)


def _tokenizer(folder: Path, tokenizer: Tokenizer, trainer: Any) -> None:
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))


@MODELS.named("tokenizer-wordpiece")
def _wordpiece(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 2))
    special = ["[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]"]
    _tokenizer(folder, tokenizer, trainers.WordPieceTrainer(vocab_size=90, special_tokens=special))


@MODELS.named("tokenizer-unigram")
def _unigram(folder: Path) -> None:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, unk_token="<unk>", special_tokens=["<unk>"])
    _tokenizer(folder, tokenizer, trainer)


@MODELS.named("tokenizer-bpe")
def _bpe(folder: Path) -> None:
    _tokenizer(folder, byte_pairs(), trainers.BpeTrainer(vocab_size=280))


@MODELS.named("tokenizer-tiktoken")
def _tiktoken(folder: Path) -> None:
    lines = [b"%s %d\n" % (base64.b64encode(bytes([rank])), rank) for rank in range(256)]
    for name in ("tokenizer.model", "qwen.tiktoken", "cl100k_base.bpe"):
        (folder / name).write_bytes(b"".join(lines))


@MODELS.named("adapter")
def _adapter(folder: Path) -> None:
    config = peft.LoraConfig(target_modules=["q_proj", "v_proj"])
    peft.get_peft_model(llama(), config).save_pretrained(folder)


@MODELS.named("adapter-pickled")
def _prompt(folder: Path) -> None:
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    peft.get_peft_model(llama(), config).save_pretrained(folder, safe_serialization=False)


@MODELS.named("accelerate")
def _accelerate(folder: Path) -> None:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    accelerator = Accelerator(cpu=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    layer, optimizer, _ = accelerator.prepare(layer, optimizer, schedule)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    accelerator.save_state(str(folder / "safe"))
    accelerator.save_state(str(folder / "pickled"), safe_serialization=False)


@MODELS.named("trainer")
def _trainer(folder: Path) -> None:
    items = [{"input_ids": torch.ones(4, dtype=torch.long), "labels": torch.ones(4).long()}] * 8
    options = transformers.TrainingArguments(
        str(folder), max_steps=2, save_steps=2, report_to=[], use_cpu=True, logging_steps=1,
        disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(llama(), options, train_dataset=items)
    trainer.train()
    trainer.save_model()
    trainer.save_state()


class Regression(pytorch_lightning.LightningModule):
    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(3, 1)

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        loss = self.layer(batch[0]).sum()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), self.hparams["rate"])
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


@MODELS.named("lightning")
def _lightning(folder: Path) -> None:
    trainer = pytorch_lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(folder),
        callbacks=[ModelCheckpoint(str(folder), monitor="loss"), EarlyStopping("loss")],
    )  # fmt: skip
    trainer.fit(Regression(), DataLoader(TensorDataset(torch.ones(8, 3)), batch_size=4))
    trainer.save_checkpoint(folder / "last.ckpt")


@MODELS.named("sentence-transformers")
def _sentences(folder: Path) -> None:
    _bert(folder / "bert")
    words = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4, "a": 5}
    pieces = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    transformers.BertTokenizerFast(tokenizer_object=pieces).save_pretrained(folder / "bert")
    modules = [parts.Transformer(str(folder / "bert")), parts.Pooling(16), parts.Normalize()]
    sentence_transformers.SentenceTransformer(modules=modules).save(str(folder / "model"))


@MODELS.named("stable-diffusion")
def _diffusion(folder: Path) -> None:
    blocks = {"block_out_channels": (4, 8), "layers_per_block": 1, "norm_num_groups": 2}
    text = transformers.CLIPTextConfig(**SIZES, **HEADS)
    diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(block_out_channels=(4,), norm_num_groups=2),
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=fast(),
        unet=diffusers.UNet2DConditionModel(
            sample_size=8, cross_attention_dim=16, attention_head_dim=2, **blocks,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        ),
        scheduler=diffusers.PNDMScheduler(),
        safety_checker=None,
        feature_extractor=transformers.CLIPImageProcessor(),
        requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip


@MODELS.named("gguf")
def _gguf(folder: Path) -> None:
    writer = GGUFWriter(folder / "model.gguf", "llama")
    writer.add_chat_template(CHAT)
    writer.add_token_list(["<s>", "a"])
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@MODELS.named("configurations")
def _configurations(folder: Path) -> None:
    written = 0
    for name, kind in CONFIG_MAPPING.items():
        try:
            config = kind()
        except Exception:  # noqa: BLE001 - it has no defaults, and says so in many ways
            continue
        (folder / name).mkdir()
        config.to_json_file(folder / name / "config.json", use_diff=False)
        written += 1
    assert written > 200


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    MODELS.main()
