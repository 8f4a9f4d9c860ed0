"""Word alignment: two chains over positions, one a direction, that learn to agree."""
