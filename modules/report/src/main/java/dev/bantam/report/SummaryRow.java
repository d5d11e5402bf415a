package dev.bantam.report;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * A variant of one model on one task over its replicates, as in {@code summary.csv}. Empty means
 * not measured or not known. Metric values and sparsity are fractions.
 *
 * @param experiment name of the experiment
 * @param model name of the model
 * @param task name of the task
 * @param variant name of the variant
 * @param metric the task's primary metric; empty text if no cell of the variant succeeded
 * @param n replicates (seed, draw) that succeeded
 * @param failed replicates that failed
 * @param mean of the metric over the replicates
 * @param std of the metric, with n - 1; empty for fewer than two replicates
 * @param recovery mean over replicates of value / dense value of the same seed (dense / value for a
 *     loss); 1 for dense itself
 * @param bytes length of the packed file; the mean over replicates, rounded half up, where they
 *     differ
 * @param ratioFp32 4 x dense parameters / bytes
 * @param ratioFp16 half of {@code ratioFp32}
 * @param bitsPerWeight 8 x bytes / dense parameters
 * @param bitsPerWeightEncoder 8 x stored bytes of the encoder matrices / their dense element count
 * @param seconds mean of compressing with its training; empty for uncompressed models
 * @param latencyMsP50 mean over replicates of the median milliseconds of a forward pass
 * @param stdRecovery of the recovery, with n - 1; empty for fewer than two replicates
 * @param sparsity mean share of zeros in the encoder matrices
 * @param bits mean of the bits a stored encoder weight that a step asked for
 * @param min smallest value of the metric
 * @param max largest value of the metric
 * @param difference mean over replicates of value - dense value of the same seed; empty for dense
 * @param differenceInterval half of its 95 % confidence interval by Student's t over seeds; empty
 *     for fewer than two seeds
 * @param stdOfDraws spread that comes of the draws within a seed; empty if no seed has two
 */
public record SummaryRow(
    String experiment,
    String model,
    String task,
    String variant,
    String metric,
    int n,
    int failed,
    OptionalDouble mean,
    OptionalDouble std,
    OptionalDouble recovery,
    OptionalLong bytes,
    OptionalDouble ratioFp32,
    OptionalDouble ratioFp16,
    OptionalDouble bitsPerWeight,
    OptionalDouble bitsPerWeightEncoder,
    OptionalDouble seconds,
    OptionalDouble latencyMsP50,
    OptionalDouble stdRecovery,
    OptionalDouble sparsity,
    OptionalDouble bits,
    OptionalDouble min,
    OptionalDouble max,
    OptionalDouble difference,
    OptionalDouble differenceInterval,
    OptionalDouble stdOfDraws) {

  boolean isDense() {
    return variant.equals(CellId.DENSE);
  }
}
