"""From a recipe to a defended result: what is checked, fitted, scored and compared."""
