"""What the models in use do with positions, read from their configurations.

`config_fields` (the fields of a config, each checked), `family_table` (what a config does not say,
by family), `rope_parameters` (RoPE as configs say it), `layer_kinds` (windows, chunks, layers
without position), `part_positions` (what is known of a part), `text_models` (language models),
`latent_models` (latent attention, temperatures), `vision_models` (grids), `multimodal_models` (three axes), `composite_models` (configs made of configs), `words` (plans in plain words), `model_positions`
(what is returned), `from_config` (`encoding_from_config`), `published` (published configs, typed), `wavelengths`
(RoPE's wavelengths against the trained length).
"""
