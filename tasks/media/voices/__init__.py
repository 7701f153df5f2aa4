"""Who speaks when: voice activity, voice embeddings, their clustering, and links between videos."""
