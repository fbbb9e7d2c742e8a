"""What an upload becomes, without Streamlit."""
