"""Questions about attribution, answered from what is published."""
