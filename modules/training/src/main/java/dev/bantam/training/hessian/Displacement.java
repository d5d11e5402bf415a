package dev.bantam.training.hessian;

import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Some weights of a model while they are moved. Closing writes the bytes back that were there.
 *
 * <p>Keeps a copy of the weights on the Java heap.
 */
final class Displacement implements AutoCloseable {
  /** A direction in the space of the weights. */
  @FunctionalInterface
  interface Direction {
    double at(int tensor, int element);
  }

  private final List<Floats> live = new ArrayList<>();
  private final List<float[]> original = new ArrayList<>();
  private final float[] moved;

  Displacement(Model<?> model, List<String> names) {
    final Map<String, INDArray> parameters = model.parameters();
    int longest = 0;
    for (String name : names) {
      final Floats tensor = Floats.of(parameters.get(name));
      live.add(tensor);
      original.add(Floats.toArray(tensor.array()));
      longest = Math.max(longest, tensor.length());
    }
    moved = new float[longest];
  }

  /** Euclidean norm of all weights before they were moved. */
  double norm() {
    double squares = 0;
    for (float[] w : original) {
      for (float x : w) {
        squares += (double) x * x;
      }
    }
    return Math.sqrt(squares);
  }

  /** Number of weights. */
  long count() {
    return original.stream().mapToLong(w -> w.length).sum();
  }

  /** {@code w + step * direction}, from the original weights, rounded once. */
  void moveTo(double step, Direction direction) {
    for (int t = 0; t < live.size(); t++) {
      final float[] w = original.get(t);
      for (int i = 0; i < w.length; i++) {
        moved[i] = (float) (w[i] + step * direction.at(t, i));
      }
      live.get(t).write(0, moved, 0, w.length);
    }
  }

  @Override
  public void close() {
    for (int t = 0; t < live.size(); t++) {
      live.get(t).write(0, original.get(t), 0, original.get(t).length);
    }
  }
}
