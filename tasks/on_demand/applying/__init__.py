"""Apply a trained model to new media: intake, utterances, features, results in several formats, and export."""
