"""Configuration files: settings only, nothing imported but ml_collections."""
