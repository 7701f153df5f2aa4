"""pyAudioAnalysis's short-term and mid-term features."""
