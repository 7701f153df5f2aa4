"""PyTorch modules, and the estimators and settings shared by several networks (those import no PyTorch)."""
