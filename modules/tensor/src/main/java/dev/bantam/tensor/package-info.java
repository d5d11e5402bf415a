/**
 * ND4J tensors, matrix products, the fused kernels between them, worker threads and seeded random
 * numbers.
 *
 * <p>Start at {@link dev.bantam.tensor.NativeRuntime} (CPU kernel and threads), {@link
 * dev.bantam.tensor.Floats} (fast access to a tensor's memory), {@link dev.bantam.tensor.Blas} and
 * {@link dev.bantam.tensor.Kernels}. Matrices are row-major float32.
 */
package dev.bantam.tensor;
