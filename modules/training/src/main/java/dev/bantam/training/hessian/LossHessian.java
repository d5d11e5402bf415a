package dev.bantam.training.hessian;

import dev.bantam.model.GradientSink;
import dev.bantam.model.Model;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The Hessian of the mean loss over fixed examples with respect to some weights of a model: its
 * diagonal block, if these are not all weights. Models have no second derivatives, so products are
 * differences of exact gradients without dropout:
 *
 * <pre>
 * D(s) = (g(w + s v) - g(w - s v)) / 2s = H v + O(s^2)
 * H v  = (15 D(s) - 6 D(2s) + D(3s)) / 10 + O(s^6)
 * </pre>
 *
 * <p>Two errors pull the step in opposite directions. With u = 2^-24, the rounding unit of the
 * float32 weights and gradients, and {@code e = s |v|} the length of the displacement, they are
 *
 * <ul>
 *   <li>rounding: that of gradients, a few {@code u |g|}, and that of the moved weights, which
 *       bends the displacement by about {@code u |w|}; together some {@code (|g| + |H| |w|) u / e};
 *   <li>truncation: {@code e^6} times a seventh derivative of the gradient, where D(s) alone has
 *       {@code e^2} times a third one.
 * </ul>
 *
 * <p>The higher order allows a longer displacement, so that rounding counts less. On encoders with
 * exact Hessians in double the product is off by less than 6e-5 of its norm, in random directions,
 * along gradients and along eigenvectors.
 *
 * <p>Every product starts with {@code e = 1e-2 max(1, |w|)}. In the directions of largest curvature
 * of a model that is too far: D(s) and D(2s) then differ by more than {@value #SMOOTH} of the
 * product, of which truncation leaves about the cube. The step is shortened until they agree, or
 * until rounding keeps them from agreeing better, and the next product starts near the step of the
 * last.
 *
 * <p>A vector holds the weights one tensor after the other, each row-major. During a product the
 * weights of the model are moved; afterwards, also after a failure, they have the bytes that they
 * had before. Gradients are summed in double, batches in their order, so a product is the same on
 * any number of threads. Not for use by several threads at once.
 *
 * <p>A product of a block of n weights takes 4 n bytes for a copy of them and 24 n bytes for
 * vectors.
 *
 * @param <B> type of a batch
 */
public final class LossHessian<B> implements SymmetricOperator {
  /** Length of the displacement over max(1, norm of the weights). */
  static final double LENGTH = 1e-2;

  /** Largest difference of D(s) and D(2s) that is not worth a shorter step. */
  static final double SMOOTH = 0.01;

  /** Shorter steps in a row that are no better before the search ends. */
  private static final int MISSES = 2;

  /** Nothing but rounding is left where weights move by less than this share. */
  private static final double SHORTEST = 1e-5;

  private final Model<B> model;
  private final List<String> names;
  private final int[] offsets;
  private final Map<String, Integer> index = new HashMap<>(); // looked up by name, never iterated
  private final List<LossSample<B>> samples;
  private final long examples;
  private double nextLength = LENGTH;
  private double disagreement = Double.NaN;

  /**
   * @param names of parameters of the model, all different
   * @param samples examples over which the loss is averaged; not empty
   * @throws IllegalArgumentException if a name is no parameter, or the tensors have 2^31 elements
   *     together
   */
  public LossHessian(Model<B> model, List<String> names, List<LossSample<B>> samples) {
    this.model = model;
    this.names = List.copyOf(names);
    this.samples = List.copyOf(samples);
    if (samples.isEmpty() || names.isEmpty()) {
      throw new IllegalArgumentException(
          samples.size() + " batches and " + names.size() + " tensors: there is no Hessian");
    }
    this.examples = samples.stream().mapToLong(LossSample::examples).sum();
    this.offsets = offsets(model, this.names);
    for (int t = 0; t < names.size(); t++) {
      if (index.put(this.names.get(t), t) != null) {
        throw new IllegalArgumentException("'" + this.names.get(t) + "' is named twice");
      }
    }
  }

  private static int[] offsets(Model<?> model, List<String> names) {
    final Map<String, INDArray> parameters = model.parameters();
    final int[] offsets = new int[names.size() + 1];
    long end = 0;
    for (int t = 0; t < names.size(); t++) {
      final INDArray tensor = parameters.get(names.get(t));
      if (tensor == null) {
        throw new IllegalArgumentException("The model has no parameter '" + names.get(t) + "'");
      }
      end += tensor.length();
      if (end > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%d tensors up to '%s' have %d weights, and a vector holds 2^31 - 1. Take a"
                    + " smaller block.",
                t + 1,
                names.get(t),
                end));
      }
      offsets[t + 1] = (int) end;
    }
    return offsets;
  }

  /** The tensors, in the order in which vectors hold them. */
  public List<String> names() {
    return names;
  }

  /** Where a tensor starts in a vector. */
  public int offset(String name) {
    return offsets[index.get(name)];
  }

  @Override
  public int dimension() {
    return offsets[names.size()];
  }

  @Override
  public void multiply(double[] v, double[] result) {
    requireLength(v);
    requireLength(result);
    java.util.Arrays.fill(result, 0);
    final double norm = Vectors.norm(v);
    if (!Double.isFinite(norm)) {
      throw new IllegalArgumentException("The vector's norm is " + norm);
    }
    disagreement = 0;
    if (norm > 0) {
      try (Displacement weights = new Displacement(model, names)) {
        multiply(v, Math.max(1, weights.norm()) / norm, weights, result);
      }
    }
  }

  /**
   * @param unit step of a displacement of length 1
   */
  private void multiply(double[] v, double unit, Displacement weights, double[] result) {
    double length = nextLength;
    double best = Double.POSITIVE_INFINITY;
    int misses = 0;
    while (misses < MISSES) {
      final double[] near = difference(v, length * unit, weights);
      final double[] apart = difference(v, 2 * length * unit, weights);
      final double[] sum = difference(v, 3 * length * unit, weights);
      Vectors.scale(0.1, sum);
      Vectors.add(-0.6, apart, sum);
      Vectors.add(1.5, near, sum);
      Vectors.add(-1, near, apart);
      final double q = Vectors.norm(apart) / Vectors.norm(sum);
      if (Double.isNaN(q)) {
        break; // a product of zeros
      }
      misses = q < best ? 0 : misses + 1;
      if (q < best) {
        best = q;
        System.arraycopy(sum, 0, result, 0, sum.length);
        nextLength = Math.min(LENGTH, 2 * length);
      }
      if (q <= SMOOTH || length <= SHORTEST) {
        break;
      }
      length *= Math.max(0.1, 0.9 * Math.sqrt(SMOOTH / q));
    }
    disagreement = Double.isInfinite(best) ? 0 : best;
  }

  /** D(step). */
  private double[] difference(double[] v, double step, Displacement weights) {
    final double[] sum = new double[dimension()];
    for (int side : new int[] {1, -1}) {
      weights.moveTo(side * step, (tensor, i) -> v[offsets[tensor] + i]);
      addGradient(side / (2 * step), sum);
    }
    return sum;
  }

  /**
   * How well the last product is known: {@code |D(s) - D(2s)| / |H v|} at its step. Far above 0.01,
   * rounding or truncation spoil the product.
   */
  public double disagreement() {
    return disagreement;
  }

  private void requireLength(double[] v) {
    if (v.length != dimension()) {
      throw new IllegalArgumentException(
          "A vector of " + v.length + " for " + dimension() + " weights");
    }
  }

  /** Gradient of the mean loss where the weights are. */
  public double[] gradient() {
    final double[] gradient = new double[dimension()];
    addGradient(1, gradient);
    return gradient;
  }

  /** {@code result += factor * gradient}. */
  private void addGradient(double factor, double[] result) {
    for (LossSample<B> sample : samples) {
      final double share = factor * sample.examples() / examples;
      model.gradients(
          sample.batch(),
          sample.loss(),
          Regularization.NONE,
          new GradientSink() {
            @Override
            public boolean wants(String parameter) {
              return index.containsKey(parameter);
            }

            @Override
            public void accept(String parameter, INDArray gradient) {
              final float[] g = Floats.toArray(gradient);
              final int from = offsets[index.get(parameter)];
              for (int i = 0; i < g.length; i++) {
                result[from + i] += share * g[i];
              }
            }
          });
    }
  }
}
