"""Every family of transformers beside `encoding_from_config`: does ours agree?"""
