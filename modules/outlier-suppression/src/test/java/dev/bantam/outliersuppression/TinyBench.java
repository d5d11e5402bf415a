package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Example;
import dev.bantam.data.Metric;
import dev.bantam.data.Provenance;
import dev.bantam.data.StableHash;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.ParameterShapes;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A small random encoder whose LayerNorms give outliers, and texts to calibrate on. */
final class TinyBench implements StepResources, AutoCloseable {
  static final int HIDDEN = 24;
  static final int FFN = 40;
  static final int LAYERS = 2;
  private static final int VOCABULARY = 60;

  private final Workers workers;
  private final Map<String, INDArray> weights;
  private final EncoderModel model;
  private final List<TokenizedExample> train = new ArrayList<>();
  private final List<Example> scored = new ArrayList<>();

  TinyBench(int threads) {
    workers = new Workers(threads);
    final List<Architecture.LayerShape> layers = new ArrayList<>();
    for (int i = 0; i < LAYERS; i++) {
      layers.add(new Architecture.LayerShape(3, FFN));
    }
    final Architecture architecture =
        new Architecture(
            "bert",
            VOCABULARY,
            32,
            2,
            HIDDEN,
            8,
            layers,
            Architecture.Activation.GELU_ERF,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            1e-12,
            0,
            false);
    final Optional<Head> head =
        Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c")));
    weights = new LinkedHashMap<>();
    ParameterShapes.of(architecture, head, Pooling.MEAN)
        .forEach((name, shape) -> weights.put(name, draw(name, shape)));
    model = new EncoderModel(architecture, head, Pooling.MEAN, weights, workers);
    final Random random = new Random(5);
    for (int i = 0; i < 40; i++) {
      final int[] ids = new int[3 + random.nextInt(9)];
      for (int t = 0; t < ids.length; t++) {
        ids[t] = random.nextInt(VOCABULARY);
      }
      train.add(
          new TokenizedExample(
              new Encoding(ids, new int[ids.length]),
              0,
              Double.NaN,
              StableHash.sha256("text " + i)));
    }
  }

  /** Channels 3 and 11 of every LayerNorm are large, and on one side of zero. */
  private static INDArray draw(String name, long[] shape) {
    final Random random = new Random(name.hashCode());
    final int n = (int) (shape[0] * (shape.length == 2 ? shape[1] : 1));
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian() * (shape.length == 2 ? 0.2f : 0.1f);
      if (name.endsWith("LayerNorm.weight")) {
        values[i] = i == 3 ? 4f : i == 11 ? -6f : 1f + values[i];
      } else if (name.endsWith("LayerNorm.bias") && (i == 3 || i == 11)) {
        values[i] = i == 3 ? 15f : -20f;
      }
    }
    return Floats.tensor(values, shape);
  }

  CompressionState state(long seed) {
    return new CompressionState(weights, seed, this);
  }

  /** All texts as one batch. */
  Batch all() {
    return Batch.of(train.stream().map(TokenizedExample::encoding).toList());
  }

  /** A model over copies of the weights as they are now. */
  EncoderModel copy() {
    final Map<String, INDArray> copies = new LinkedHashMap<>();
    weights.forEach((name, tensor) -> copies.put(name, tensor.dup('c')));
    return new EncoderModel(model.architecture(), model.head(), model.pooling(), copies, workers);
  }

  @Override
  public EncoderModel model() {
    return model;
  }

  @Override
  public Workers workers() {
    return workers;
  }

  @Override
  public Progress progress() {
    return Progress.NONE;
  }

  @Override
  public List<TokenizedExample> train() {
    return train;
  }

  @Override
  public Task task() {
    return new Task(
        "texts",
        TaskKind.EMBED,
        List.of(),
        Metric.COSINE,
        new Provenance("drawn", "Apache-2.0", ""),
        IntStream.range(0, train.size()).mapToObj(i -> Example.unlabelled("text " + i)).toList(),
        scored.isEmpty() ? List.of(Example.unlabelled("another")) : scored,
        List.of());
  }

  /** Puts a text among those that are scored; those of training are {@code text 0} to 39. */
  void score(String text) {
    scored.add(Example.unlabelled(text));
  }

  @Override
  public List<TokenizedExample> tune() {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public Map<String, INDArray> dense() {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public EncoderModel teacher() {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public FineTuner.Resume resume() {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public Path workFolder() {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
    throw new UnsupportedOperationException("not for calibration");
  }

  @Override
  public void close() {
    model.close();
    workers.close();
  }
}
