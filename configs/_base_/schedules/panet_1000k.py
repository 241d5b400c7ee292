# PANet and PA-EDSR as published: batch 16, patches of 48x48, Adam at 1e-4 halved every 200 of
# 1,000 epochs of 1,000 iterations.
_base_ = "rcan_1000k.py"
