"""SLP-MoE: gated pose experts that choose among prior poses, blend them and make the whole sequence steady."""
