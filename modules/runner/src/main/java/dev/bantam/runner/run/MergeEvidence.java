package dev.bantam.runner.run;

import dev.bantam.compression.TensorSelector;
import dev.bantam.data.TokenizedExample;
import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeStatistics;
import dev.bantam.model.Batch;
import dev.bantam.runner.experiment.MergeSpec;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What Fisher merging and RegMean know of each input: statistics of its fine-tuned model on
 * training examples of its task. Kept for the next cell that asks for the same.
 */
final class MergeEvidence implements AutoCloseable {
  private static final int BATCH = 32;

  private final Map<Key, Map<String, INDArray>> known = new HashMap<>(); // looked up only

  private record Key(Cell input, MergeMethod method, int examples, List<String> tensors) {}

  /** Whether the method of a merge needs any. */
  static boolean isNeeded(MergeSpec spec) {
    return spec.examples().isPresent();
  }

  /**
   * The statistics of the inputs, in their order.
   *
   * @param weights of each input
   * @param benches of the subjects; getting one closes the one before
   */
  List<Map<String, INDArray>> of(
      MergeSpec spec,
      List<Cell> inputs,
      Function<Cell, Map<String, INDArray>> weights,
      Function<Subject, Bench> benches) {
    final MergeMethod method = spec.method().orElseThrow();
    final int examples = spec.examples().orElseThrow();
    final List<String> changed = changed(inputs, weights);
    final List<Map<String, INDArray>> all = new ArrayList<>();
    for (Cell input : inputs) {
      final Key key = new Key(input, method, examples, changed);
      if (!known.containsKey(key)) {
        final Bench bench = benches.apply(input.subject());
        bench.load(weights.apply(input));
        known.put(key, measure(method, examples, input, bench, changed));
      }
      all.add(known.get(key));
    }
    return all;
  }

  private static Map<String, INDArray> measure(
      MergeMethod method, int examples, Cell input, Bench bench, List<String> changed) {
    final String task = input.subject().task().name();
    final List<TokenizedExample> rows = bench.train(OptionalInt.of(examples), input.seed());
    if (method == MergeMethod.FISHER) {
      bench.progress().message("Fisher information of " + task);
      return MergeStatistics.fisher(bench.model(), batches(rows, 1), changed);
    }
    bench.progress().message("Second moments of the inputs of the layers, " + task);
    return MergeStatistics.moments(
        bench.model(),
        batches(rows, BATCH),
        changed.stream().filter(TensorSelector::isEncoderMatrix).toList());
  }

  /** Batches of neighbouring rows. */
  static List<Batch> batches(List<TokenizedExample> rows, int size) {
    final List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < rows.size(); from += size) {
      batches.add(
          Batch.of(
              rows.subList(from, Math.min(rows.size(), from + size)).stream()
                  .map(TokenizedExample::encoding)
                  .toList()));
    }
    return batches;
  }

  /** Tensors that are not the same in all inputs; the others need no weighing. */
  static List<String> changed(List<Cell> inputs, Function<Cell, Map<String, INDArray>> weights) {
    final Map<String, INDArray> first = weights.apply(inputs.get(0));
    final Map<String, float[]> values = new LinkedHashMap<>();
    first.forEach(
        (name, tensor) -> {
          if (!name.startsWith(Merging.HEAD)) {
            values.put(name, Floats.toArray(tensor));
          }
        });
    final List<String> changed = new ArrayList<>();
    values.forEach(
        (name, value) -> {
          if (inputs.stream()
              .anyMatch(i -> !Arrays.equals(value, Floats.toArray(weights.apply(i).get(name))))) {
            changed.add(name);
          }
        });
    return changed;
  }

  @Override
  public void close() {
    known.values().forEach(Bench::free);
    known.clear();
  }
}
