package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Retraining;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step.Cost;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.TensorSelector;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Intervention;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Quantization-aware training: the model is trained while its products see the restored codes, and
 * what is stored at the end are the codes that the chosen epoch was scored with.
 *
 * @param training epochs, rates, teacher
 * @param learned whether scales are trained (LSQ) or found from the weights before each update
 */
record QuantizedTraining(Retraining training, boolean learned) implements Rounding {
  /** Height of the learning rate where none is given; that of fine-tuning. */
  private static final double LEARNING_RATE = 1e-4;

  /** Groups whose levels are found in one piece of work. */
  private static final int GROUPS = 64;

  /** Reads {@code train:}, if it is there, after the formats have been read. */
  static Optional<Rounding> read(Settings settings, WeightFormat format) {
    final boolean learned = format.range() == Range.LSQ;
    final Optional<Rounding> training =
        Retraining.read(settings, LEARNING_RATE).map(t -> new QuantizedTraining(t, learned));
    if (learned && training.isEmpty()) {
      settings.problem(
          "range",
          "'lsq' learns the scales in a training. Add for example 'train: {epochs: 1}', or write"
              + " 'mse'.");
    }
    if (learned && format.scheme() == Scheme.AFFINE) {
      settings.problem(
          "range",
          "an integer zero point cannot be learned. Write 'scheme: symmetric' or 'offset', or"
              + " another range.");
    }
    return training;
  }

  @Override
  public List<StepProblem> check(
      Map<String, long[]> shapes, List<String> names, WeightFormat format) {
    final List<StepProblem> problems = new ArrayList<>(training.check(shapes));
    for (String name : names) {
      if (!TensorSelector.isEncoderMatrix(name)) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' cannot be quantized in a training: only the matrices of encoder layers"
                    + " can. Quantize it in a step of its own without 'train'."));
      } else if (training.freezes(name)) {
        problems.add(
            new StepProblem(
                "train",
                "'"
                    + name
                    + "' is to be trained with its codes, and 'freeze' keeps it from that. List it"
                    + " under 'skip', or take it out of 'freeze'."));
      }
    }
    return problems;
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public Cost cost(Map<String, long[]> shapes, List<String> names) {
    long weights = 0;
    for (String name : names) {
      weights += shapes.get(name)[0] * shapes.get(name)[1];
    }
    // restored copies off the heap; on it, the weights before
    return new Cost(
        Float.BYTES * weights, Float.BYTES * weights, 0, 0, training.settings().epochs());
  }

  @Override
  public Rounding smoke() {
    return new QuantizedTraining(training.smoke(), learned);
  }

  @Override
  public Map<String, Integer> settings() {
    return Map.of(
        "train.epochs", training.settings().epochs(), "train.batch", training.settings().batch());
  }

  @Override
  public String describe() {
    return "trained " + training.describe();
  }

  @Override
  public String method(String widths) {
    final String word = learned ? "lsq" : "qat";
    return widths.isEmpty() ? word : widths + "-" + word;
  }

  @Override
  public void round(
      CompressionState state,
      Map<String, WeightFormat> formats,
      BiConsumer<String, GroupedTensor> store) {
    final EncoderModel model = training.encoder(state.resources());
    final Map<String, FakeQuantizedLinear> operators = new LinkedHashMap<>();
    final Map<String, GroupedTensor> codes = new LinkedHashMap<>();
    try {
      formats.forEach(
          (name, format) -> {
            final FakeQuantizedLinear operator =
                new FakeQuantizedLinear(
                    name,
                    state.weights().get(name),
                    format,
                    MatrixQuantizer.gone(state, name, format));
            operators.put(name, operator);
            model.setOperator(name, operator);
          });
      final Levels levels = new Levels(operators, state.resources().workers());
      training.run(state, formats.keySet(), state.seed("training", "quantize"), levels);
      levels.settle(); // of the epoch that was chosen
      operators.forEach((name, operator) -> codes.put(name, operator.codes()));
    } finally {
      operators.keySet().forEach(model::resetOperator);
      operators.values().forEach(FakeQuantizedLinear::close);
    }
    codes.forEach(store);
  }

  /** Keeps the levels those of the weights: before each update, and whenever they are looked at. */
  private record Levels(List<Piece> pieces, Workers workers) implements Intervention {
    private record Piece(FakeQuantizedLinear operator, int from, int to) {}

    Levels(Map<String, FakeQuantizedLinear> operators, Workers workers) {
      this(cut(operators), workers);
    }

    private static List<Piece> cut(Map<String, FakeQuantizedLinear> operators) {
      final List<Piece> pieces = new ArrayList<>();
      for (FakeQuantizedLinear operator : operators.values()) {
        for (int from = 0; from < operator.groupCount(); from += GROUPS) {
          pieces.add(new Piece(operator, from, Math.min(operator.groupCount(), from + GROUPS)));
        }
      }
      return pieces;
    }

    @Override
    public boolean beforeUpdate(long update, long total) {
      settle();
      return false;
    }

    @Override
    public void settle() {
      workers.run(
          pieces.size(),
          (i, worker) -> {
            final Piece piece = pieces.get(i);
            piece.operator().fit(piece.from(), piece.to());
          });
    }
  }
}
