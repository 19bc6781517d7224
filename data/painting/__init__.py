"""Style paintings made by formula: brushes in `brush`, one module for each painting or kind."""
