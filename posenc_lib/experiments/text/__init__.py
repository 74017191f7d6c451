"""Can a reader tell a sentence from its reverse, and how soon does it learn to?"""
