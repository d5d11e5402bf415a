package dev.bantam.compression;

import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Batches;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Model;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.TaskLoss;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Block-diagonal empirical Fisher sums of some weights of a model: from the gradients of the mean
 * task loss of mini-batches, hard labels, no dropout (Kurtic et al. 2022; the conventions of their
 * code).
 */
public final class EmpiricalFisher implements AutoCloseable {
  /** Gradients added together; more would take more memory than they save time. */
  public static final int BUFFERED = 16;

  private final Map<String, BlockFisher> blocks = new LinkedHashMap<>();
  private final double loss;

  /**
   * What is sampled.
   *
   * @param gradients m, mini-batches, at least 1
   * @param batch examples of a mini-batch, at least 1
   * @param seed draws the mini-batches: epochs of shuffled training examples, one after the other
   */
  public record Sample(int gradients, int batch, long seed) {
    /** The mini-batches in order. */
    public List<LabelledBatch> batches(List<TokenizedExample> train) {
      final List<LabelledBatch> batches = new ArrayList<>();
      for (int epoch = 0; batches.size() < gradients; epoch++) {
        final Batches shuffled = Batches.shuffled(train, batch, seed, epoch);
        batches.addAll(shuffled.subList(0, Math.min(shuffled.size(), gradients - batches.size())));
      }
      return batches;
    }
  }

  /**
   * Collects the sums.
   *
   * @param kept elements of each weight that still count, by name; null for all of a weight
   * @param block B
   * @param batches of {@link Sample#batches}
   */
  public EmpiricalFisher(
      Model<Batch> model,
      Head.Kind head,
      Map<String, boolean[]> kept,
      int block,
      List<LabelledBatch> batches,
      Workers workers,
      Progress progress) {
    final Map<String, INDArray> parameters = model.parameters();
    kept.keySet()
        .forEach(
            name ->
                blocks.put(
                    name,
                    new BlockFisher(
                        Math.toIntExact(parameters.get(name).length()), block, BUFFERED)));
    final GradientSink sink =
        new GradientSink() {
          @Override
          public boolean wants(String parameter) {
            return blocks.containsKey(parameter);
          }

          @Override
          public void accept(String parameter, INDArray gradient) {
            final boolean[] mask = kept.get(parameter);
            if (mask == null) {
              blocks.get(parameter).buffer(Floats.of(gradient));
            } else {
              blocks.get(parameter).buffer(Floats.of(gradient), mask);
            }
          }
        };
    double sum = 0;
    try (Progress.Bar bar = progress.start("Sampling gradients", batches.size(), "gradients")) {
      for (LabelledBatch batch : batches) {
        sum +=
            model.gradients(
                batch.batch(),
                TaskLoss.of(head, batch.labels(), batch.targets()),
                Regularization.NONE,
                sink);
        flush(false, workers);
        bar.advance(1);
      }
    }
    flush(true, workers);
    this.loss = sum / batches.size();
  }

  private void flush(boolean all, Workers workers) {
    blocks.values().stream().filter(b -> all || b.isFull()).forEach(b -> b.flush(workers));
  }

  /** Mean loss of the mini-batches. */
  public double loss() {
    return loss;
  }

  /** The sums of a weight. */
  public BlockFisher of(String name) {
    return blocks.get(name);
  }

  /** Bytes for weights of these numbers of elements. */
  public static long bytes(Iterable<Long> elements, int block) {
    long bytes = 0;
    for (long n : elements) {
      bytes += BlockFisher.bytes(n, block, BUFFERED);
    }
    return bytes;
  }

  @Override
  public void close() {
    blocks.values().forEach(BlockFisher::close);
  }
}
