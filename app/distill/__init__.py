"""What the Distill page decides, without Streamlit."""
