"""What the models in use do with positions, read from their configurations.

- the question: `from_config`; the answer: `model_positions`, its parts: `part_positions`
- reading: `config_fields`, each checked; `family_table`, what a config does not say
- RoPE as configs say it: `rope_parameters`, `rope_builders`
- windows and layers without position: `layer_kinds`
- building: `text_models`, `table_models`, `latent_models`, `multimodal_models`, `vision_models`,
  `window_models`
- configs made of configs: `composite_models`, `prompt_models`, `detector_models`
- saying: `words`, `wavelengths`; `published`: configs to try it with
"""
