"""Published configurations, their numbers typed as dicts: what stands in the models' config.json.

Only the fields that matter for positions, and the sizes. No file is read and nothing is downloaded:
`encoding_from_config(PUBLISHED["Llama 3.1 8B"])`.

Source: the config.json published with each model; the line above each says where its numbers are
also found.

The trap: a config that leaves out what its family has by default. Gemma 3's text part says neither
its base nor its window pattern; it is typed here as it is published.
"""

from __future__ import annotations

from typing import Any

PUBLISHED: dict[str, dict[str, Any]] = {
    # Grattafiori et al. 2024, table 3; the scaling is that of the released code
    "Llama 3.1 8B": {
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    },
    # Gemma Team 2025, section 2 and table 1; defaults of Gemma3TextConfig for what is left out
    "Gemma 3 12B": {
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 3840, "num_hidden_layers": 48,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
            "sliding_window": 1024, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
        "vision_config": {
            "model_type": "siglip_vision_model", "hidden_size": 1152, "num_hidden_layers": 27,
            "num_attention_heads": 16, "image_size": 896, "patch_size": 14,
        },
    },
    # the released config, in the form of transformers 4.57
    "Qwen3-VL 8B": {
        "model_type": "qwen3_vl",
        "text_config": {
            "model_type": "qwen3_vl_text", "hidden_size": 4096, "num_hidden_layers": 36,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
            "max_position_embeddings": 262144, "rope_theta": 5000000,
            "rope_scaling": {
                "rope_type": "default", "mrope_interleaved": True, "mrope_section": [24, 20, 20]
            },
        },
        "vision_config": {
            "model_type": "qwen3_vl", "depth": 27, "hidden_size": 1152, "num_heads": 16,
            "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2,
            "num_position_embeddings": 2304,
        },
    },
    # DeepSeek-AI 2024, "DeepSeek-V3", sections 4.2 and 4.3
    "DeepSeek-V3": {
        "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61,
        "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "max_position_embeddings": 163840, "rope_theta": 10000,
        "rope_scaling": {
            "type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0,
            "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096,
        },
    },
    # OpenAI 2025, "gpt-oss", section 2.2; YaRN as in GptOssConfig
    "gpt-oss-20b": {
        "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
        "sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 12,
        "max_position_embeddings": 131072, "rope_theta": 150000,
        "rope_scaling": {
            "rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
            "truncate": False, "original_max_position_embeddings": 4096,
        },
    },
    # Touvron et al. 2023, "Llama 2", table 1
    "Llama 2 7B": {
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "max_position_embeddings": 4096, "rope_scaling": None,
    },
    # Jiang et al. 2023, "Mistral 7B", table 1 (window 4,096)
    "Mistral 7B v0.1": {
        "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
        "sliding_window": 4096, "rope_theta": 10000.0,
    },
    # Black et al. 2022, "GPT-NeoX-20B", table 1 and section 2.1.1 (a quarter of the features)
    "GPT-NeoX-20B": {
        "model_type": "gpt_neox", "hidden_size": 6144, "num_hidden_layers": 44,
        "num_attention_heads": 64, "max_position_embeddings": 2048, "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
    },
    # defaults of SmolLM3Config (no RoPE in every fourth layer); base of the longest training stage
    "SmolLM3 3B": {
        "model_type": "smollm3", "hidden_size": 2048, "num_hidden_layers": 36,
        "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 65536,
        "rope_theta": 5000000.0, "no_rope_layers": [1, 1, 1, 0] * 9, "no_rope_layer_interval": 4,
        "use_sliding_window": False, "sliding_window": None,
    },
    # the released config; a RoPE scaling with both bounds at 1, which is a step
    "Llama 4 Scout": {
        "model_type": "llama4_text", "hidden_size": 5120, "num_hidden_layers": 48,
        "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
        "max_position_embeddings": 10485760, "attention_chunk_size": 8192,
        "no_rope_layers": [1, 1, 1, 0] * 12, "attn_temperature_tuning": True,
        "floor_scale": 8192, "attn_scale": 0.1, "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0,
            "high_freq_factor": 1.0, "original_max_position_embeddings": 8192,
        },
    },
    # Warner et al. 2024, "ModernBERT", tables 3 and 4
    "ModernBERT base": {
        "model_type": "modernbert", "hidden_size": 768, "num_hidden_layers": 22,
        "num_attention_heads": 12, "max_position_embeddings": 8192, "local_attention": 128,
        "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
    },
    # Yang et al. 2025, "Qwen3", table 1
    "Qwen3 8B": {
        "model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "max_position_embeddings": 40960, "max_window_layers": 36, "rope_theta": 1000000,
        "rope_scaling": None, "sliding_window": None, "use_sliding_window": False,
    },
    # BigScience 2022, "BLOOM", table 3
    "BLOOM": {
        "model_type": "bloom", "n_embed": 14336, "n_layer": 70, "num_attention_heads": 112,
    },
}  # fmt: skip
