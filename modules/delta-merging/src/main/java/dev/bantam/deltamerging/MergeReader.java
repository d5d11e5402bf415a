package dev.bantam.deltamerging;

import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.deltamerging.OutputTensor.Action;
import dev.bantam.deltamerging.TensorMerger.Statistics;
import dev.bantam.deltamerging.WholeModelTies.NoMajority;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Reads what belongs to one tensor of the output from all models. */
final class MergeReader {
  private final MergePlan plan;
  private final List<SourceModel> models;
  private final MergeRecipe recipe;
  private final double[] coefficients;

  MergeReader(MergePlan plan, List<SourceModel> models, MergeRecipe recipe, double[] coefficients) {
    this.plan = plan;
    this.models = models;
    this.recipe = recipe;
    this.coefficients = coefficients;
  }

  /** The models' tensors, and last the base's if it is needed. */
  float[][] tensors(OutputTensor t, FloatPool pool, TensorFiles files) {
    final int count = models.size() + (plan.baseNeeded() ? 1 : 0);
    final float[][] tensors = new float[count][];
    for (int m = 0; m < count; m++) {
      tensors[m] = pool.take(Math.toIntExact(t.elements()));
      final SourceModel source = plan.source(t.standIns().contains(m) ? models.size() : m);
      final String stored = source.stored().get(t.canonical());
      files.read(
          (offset, target) -> source.tensors().read(stored, offset, target),
          source.entry(t.canonical()).type(),
          tensors[m],
          t.precision());
    }
    return tensors;
  }

  /** Copies a tensor that is not merged. */
  void copy(OutputTensor t, FileChannel file, long at, TensorFiles files) throws IOException {
    final TensorFiles.Bytes own = bytes(plan.source(t.source()), t);
    if (t.action() == Action.COPY_IF_EQUAL) {
      for (SourceModel model : models) {
        final boolean equal =
            !model.has(t.canonical())
                || (model.entry(t.canonical()).bytes() == t.bytes()
                    && files.equal(own, bytes(model, t), t.bytes()));
        if (!equal) {
          throw BantamException.badInput(
              "'"
                  + t.name()
                  + "' holds whole numbers, which are not merged, and "
                  + model.name()
                  + " has others than "
                  + plan.source(t.source()).name()
                  + ".");
        }
      }
    }
    files.copy(own, t.bytes(), file, at);
  }

  private static TensorFiles.Bytes bytes(SourceModel source, OutputTensor t) {
    final String stored = source.stored().get(t.canonical());
    return (offset, target) -> source.tensors().read(stored, offset, target);
  }

  /** The entry of a statistics file for a tensor. */
  static Optional<SafetensorsEntry> statistic(SafetensorsFile file, OutputTensor t) {
    return Optional.ofNullable(file.entries().get(t.name()))
        .or(() -> Optional.ofNullable(file.entries().get(t.canonical())));
  }

  /** What fisher and regmean weigh a tensor with; empty if it is averaged. */
  Optional<Statistics> statistics(OutputTensor t, TensorFiles files) {
    if (recipe.method() != MergeMethod.FISHER && recipe.method() != MergeMethod.REGMEAN) {
      return Optional.empty();
    }
    final float[][] values = new float[models.size()][];
    for (int m = 0; m < values.length; m++) {
      final SafetensorsFile file = models.get(m).statistics().orElseThrow();
      final Optional<SafetensorsEntry> entry = statistic(file, t);
      if (entry.isEmpty()) {
        return Optional.empty();
      }
      values[m] = read(file, entry.get(), files);
    }
    return Optional.of(new Statistics(values, coefficients));
  }

  private static float[] read(SafetensorsFile file, SafetensorsEntry entry, TensorFiles files) {
    final float[] values = new float[Math.toIntExact(entry.elements())];
    files.read(
        (offset, target) -> file.read(entry.name(), offset, target),
        entry.type(),
        values,
        Precision.FLOAT32);
    return values;
  }

  /** Norms of all Fisher values, per model. */
  static double[] fisherNorms(MergePlan plan, List<SourceModel> models) {
    final TensorFiles files = new TensorFiles();
    final double[] norms = new double[models.size()];
    for (int m = 0; m < norms.length; m++) {
      final SafetensorsFile file = models.get(m).statistics().orElseThrow();
      double squares = 0;
      for (OutputTensor t : plan.tensors()) {
        if (t.action() == Action.MERGE) {
          for (float f : read(file, statistic(file, t).orElseThrow(), files)) {
            squares += (double) f * f;
          }
        }
      }
      norms[m] = Math.sqrt(squares);
    }
    return norms;
  }

  /** The passes of TIES over the whole model. */
  WholeModel wholeModel(TensorMerger merger, FloatPool pool, Progress progress) {
    final NoMajority rule =
        recipe.method() == MergeMethod.TIES_AUTHORS
            ? NoMajority.KEEP_NEGATIVE
            : NoMajority.KEEP_NONE;
    final WholeModelPass pass = new WholeModelPass(models.size());
    final double[] density = new double[models.size()];
    java.util.Arrays.setAll(density, t -> merger.parameters("").number("density", t));
    each("Counting magnitudes", pass::addUpper, merger, pool, progress);
    pass.choose(density, rule);
    each("Finding thresholds", pass::addLower, merger, pool, progress);
    pass.chooseThresholds();
    each("Electing signs", pass::addSigns, merger, pool, progress);
    return pass.finish(rule);
  }

  private void each(
      String what,
      Consumer<float[][]> pass,
      TensorMerger merger,
      FloatPool pool,
      Progress progress) {
    final List<OutputTensor> merged = new ArrayList<>(plan.tensors());
    merged.removeIf(t -> t.action() != Action.MERGE);
    final TensorFiles files = new TensorFiles();
    final long total = merged.stream().mapToLong(OutputTensor::bytes).sum();
    try (Progress.Bar bar = progress.start(what, total, "bytes")) {
      for (OutputTensor t : merged) {
        final float[][] tensors = tensors(t, pool, files);
        merger.deltas(t.name(), t.dimensions(), tensors, t.precision());
        pass.accept(java.util.Arrays.copyOf(tensors, models.size()));
        for (float[] array : tensors) {
          pool.give(array);
        }
        bar.advance(t.bytes());
      }
    }
  }
}
