"""Layers of a network, and the faster paths that training takes.

    path         used for                               a training step is faster by               switched off by
    ----------   ------------------------------------   ----------------------------------------   ------------------
    winograd     float32 training on a CPU, 3 x 3 and   Zen 3: 1.35 x                              convolution=direct
                 5 x 5 kernels of stride 1; not on      Xeon with AMX, in float32: 1.36 x
                 AMD CPUs with AVX-512
    im2col       bfloat16 training on a CPU with fast   Xeon with AMX: 1.16 x                      convolution=direct
                 bfloat16 matmul, output rows of        Zen 5: 1.02, 1.06 x; busy: 0.92 x
                 5 px or fewer
    linear       float32 training on AMD CPUs with      Zen 5: 1.18, 1.14 x; busy: 1.03 x          convolution=direct
                 AVX-512 (oneDNN instead of MKL)
                 bfloat16 training on a CPU with fast   Xeon with AMX: 1.16, 1.09, 1.04 x          convolution=direct
                 bfloat16 matmul, 64 images or fewer    with 16, 32, 64 images in a batch
                 (float32 instead of bfloat16)
    lrn_matmul   LRN in bfloat16 training on a CPU      Xeon with AMX: 1.07 x                      convolution=direct
                 with fast bfloat16 matmul              Zen 5: 1.03 x; busy: 1.02 x
                                                        (against lrn_rows)
    lrn_rows     LRN everywhere else, in evaluation     Zen 3: 1.46 x; Xeon with AMX: 1.40 x       always used: rounds
                 too                                    Zen 5: 1.47, 1.51 x; busy: 1.39 x          as torch's does
                                                        (against torch's layer)
    lrn_triton   LRN on a GPU with Triton, in           not measured yet                           always used: it
                 evaluation too                         (python -m benchmarks.cuda measures it)    computes in float32

Each factor compares whole training steps with and without the path: seminar's network at 96 px, batches of 128, two
threads. Two numbers are two runs. Busy: one thread beside other programs, CPU seconds, medians of eight. The other
measurements are in EXPERIMENTS.md and docs/speed-details.md. A path that gains less than 3 % on every machine is
removed.

All paths whose results differ in more than the last digits share one switch: the mixin `FastPath` with
`allow_fast_paths`, set by the recipe's `convolution`. They are used in training steps on a CPU only. Evaluation, and
whatever looks into a network, uses the plain computation.
"""
