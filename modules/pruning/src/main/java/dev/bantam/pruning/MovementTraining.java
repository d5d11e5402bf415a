package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Intervention;
import dev.bantam.training.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The training in which the masks of {@link Movement} are learned. */
final class MovementTraining implements Intervention, AutoCloseable {
  /** Rows of blocks of a piece of work. */
  private static final int ROWS = 64;

  private final Movement step;
  private final Workers workers;
  private final Map<String, MovementLinear> operators = new LinkedHashMap<>();
  private final Map<String, Floats> scoreGradients = new LinkedHashMap<>();
  private double penalty;

  private MovementTraining(Movement step, PrunedWeights weights, CompressionState state) {
    this.step = step;
    this.workers = state.resources().workers();
    for (int t = 0; t < weights.count(); t++) {
      final String name = weights.names().get(t);
      final MovementLinear operator =
          new MovementLinear(
              state.weights().get(name), weights.kept(t).clone(), step.height(), step.width());
      operators.put(name, operator);
      final INDArray scores = operator.scores();
      scoreGradients.put(name, Floats.zeros(scores.size(0), scores.size(1)));
    }
  }

  /** Trains the live model and leaves zeros where the masks of the best epoch have them. */
  static void run(Movement step, PrunedWeights weights, CompressionState state) {
    final EncoderModel model = step.training().encoder(state.resources());
    try (MovementTraining movement = new MovementTraining(step, weights, state)) {
      try {
        movement.operators.forEach(model::setOperator);
        step.training().run(state, weights.names(), state.seed("training", "movement"), movement);
      } finally {
        movement.operators.keySet().forEach(model::resetOperator);
      }
      movement.rules(1, 1);
      movement.operators.values().forEach(operator -> operator.apply(movement.workers));
    }
    weights.readZeros(state.weights());
  }

  private static String scores(String matrix) {
    return matrix + "/scores";
  }

  @Override
  public Schedule schedule(long warmUp, long total) {
    return step.schedule().rates(total);
  }

  @Override
  public Map<String, INDArray> parameters() {
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    operators.forEach((name, operator) -> parameters.put(scores(name), operator.scores()));
    return parameters;
  }

  @Override
  public double learningRateFactor(String parameter) {
    return step.rate() / step.training().settings().learningRate();
  }

  @Override
  public boolean beforeUpdate(long update, long total) {
    rules(update, total);
    return false;
  }

  /** Makes the masks those of an update. */
  private void rules(long update, long total) {
    final double share = step.schedule().at(update, total);
    penalty = step.soft().map(soft -> soft.penalty() * share).orElse(0.0);
    for (MovementLinear operator : operators.values()) {
      operator.rule(
          step.soft()
              .map(soft -> MovementLinear.Rule.above(soft.threshold() * share))
              .orElseGet(() -> highest(operator.blocks(), share)));
    }
  }

  private static MovementLinear.Rule highest(int blocks, double removed) {
    return MovementLinear.Rule.highest(blocks - (int) Math.rint(blocks * removed));
  }

  @Override
  public double gradients(Map<String, INDArray> gradients) {
    final List<Piece> pieces = new ArrayList<>();
    operators.forEach(
        (name, operator) -> {
          for (int from = 0; from < operator.blockRows(); from += ROWS) {
            pieces.add(new Piece(name, from, Math.min(operator.blockRows(), from + ROWS)));
          }
          gradients.put(scores(name), scoreGradients.get(name).array());
        });
    final double[] losses = new double[pieces.size()];
    workers.run(
        losses.length,
        (i, worker) -> {
          final Piece piece = pieces.get(i);
          final MovementLinear operator = operators.get(piece.matrix);
          losses[i] =
              operator.gradients(
                  Floats.of(gradients.get(piece.matrix)),
                  scoreGradients.get(piece.matrix),
                  // the mean over matrices of the means over their scores
                  penalty / operator.blocks() / operators.size(),
                  piece.from,
                  piece.to);
        });
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum;
  }

  private record Piece(String matrix, int from, int to) {}

  @Override
  public boolean mayBeChosen(long updates, long total) {
    return updates > step.schedule().last(total);
  }

  @Override
  public void close() {
    operators.values().forEach(MovementLinear::close);
    scoreGradients.values().forEach(Floats::close);
  }
}
