package dev.bantam.training.hessian;

import dev.bantam.checkpoint.Progress;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Model;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Seeds;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Traces of the Hessian's diagonal block of each tensor, all from the same products (Hutchinson):
 * with v of independent elements 1 and -1 over all tensors together,
 *
 * <pre>
 * E[v_i^T (H v)_i] = tr(H_ii)
 * </pre>
 *
 * <p>for every tensor i, because the blocks off the diagonal have mean zero there. They add to the
 * variance, though: that of a probe is {@code 2 sum_{k != l in i} H_kl^2} from within, plus the sum
 * of squares of {@code H_kl} for k in i and l elsewhere. Standard errors are those of the samples,
 * so they hold all of it, and the choice of examples too if every probe has its own.
 *
 * <p>A product takes two gradients, with the weights moved by +s v and -s v where {@code s |v|} is
 * a thousandth of their norm: in random directions that is off by about 1e-4 of the product, see
 * {@link LossHessian}; the spread of the probes is a thousand times as large.
 *
 * <p>Only inner products with v are kept of the gradients, so beside a copy of the weights nothing
 * grows with the model. Signs depend on the seed, the tensor's name and the probe alone.
 */
public final class TraceEstimator {
  /** Length of the displacement over max(1, norm of the weights). */
  static final double LENGTH = 1e-3;

  private TraceEstimator() {}

  /**
   * When to stop.
   *
   * @param probes most probes, at least 2
   * @param least probes before the error is looked at, 2..probes
   * @param relativeError enough if the standard error of every trace is at most this share of its
   *     magnitude; 0 for all probes
   */
  public record Stop(int probes, int least, double relativeError) {
    public Stop {
      if (least < 2 || probes < least || !(relativeError >= 0)) {
        throw new IllegalArgumentException(
            "From " + least + " to " + probes + " probes, error " + relativeError);
      }
    }

    /** So many probes. */
    public static Stop after(int probes) {
      return new Stop(probes, probes, 0);
    }
  }

  /**
   * Estimates traces.
   *
   * @param names of parameters, all different
   * @param samples the examples of a probe, by its number from 0
   * @param seed of the signs
   * @return the trace of each tensor's block, in the order of {@code names}
   */
  public static <B> Map<String, Estimate> estimate(
      Model<B> model,
      List<String> names,
      IntFunction<List<LossSample<B>>> samples,
      Stop stop,
      long seed,
      Progress progress) {
    final Map<String, double[]> found = new LinkedHashMap<>();
    names.forEach(name -> found.put(name, new double[stop.probes()]));
    int probes = 0;
    try (Progress.Bar bar = progress.start("Estimating traces", stop.probes(), "probes")) {
      while (probes < stop.probes() && !isEnough(found, probes, stop)) {
        final Probe<B> probe =
            new Probe<>(model, names, samples.apply(probes), seeds(names, seed, probes));
        final double[] quadratic = probe.run();
        for (int t = 0; t < names.size(); t++) {
          found.get(names.get(t))[probes] = quadratic[t];
        }
        probes++;
        bar.advance(1);
      }
    }
    return estimates(found, probes);
  }

  private static long[] seeds(List<String> names, long seed, int probe) {
    return names.stream()
        .mapToLong(name -> Seeds.derive(seed, name, "trace probe " + probe))
        .toArray();
  }

  private static boolean isEnough(Map<String, double[]> found, int probes, Stop stop) {
    return probes >= stop.least()
        && estimates(found, probes).values().stream()
            .allMatch(e -> e.standardError() <= stop.relativeError() * Math.abs(e.mean()));
  }

  private static Map<String, Estimate> estimates(Map<String, double[]> found, int probes) {
    final Map<String, Estimate> estimates = new LinkedHashMap<>();
    found.forEach(
        (name, all) -> estimates.put(name, Estimate.of(java.util.Arrays.copyOf(all, probes))));
    return estimates;
  }

  /** One vector of signs. */
  static final class Probe<B> {
    private final Model<B> model;
    private final List<String> names;
    private final List<LossSample<B>> samples;
    private final Displacement.Direction signs;
    private final double[] quadratic;

    Probe(Model<B> model, List<String> names, List<LossSample<B>> samples, long[] seeds) {
      this(model, names, samples, (t, i) -> Vectors.sign(seeds[t], i));
    }

    Probe(
        Model<B> model,
        List<String> names,
        List<LossSample<B>> samples,
        Displacement.Direction signs) {
      this.model = model;
      this.names = names;
      this.samples = samples;
      this.signs = signs;
      this.quadratic = new double[names.size()];
    }

    /** {@code v_i^T (H v)_i} of each tensor. */
    double[] run() {
      try (Displacement weights = new Displacement(model, names)) {
        final double step = LENGTH * Math.max(1, weights.norm()) / Math.sqrt(weights.count());
        for (int side : new int[] {1, -1}) {
          weights.moveTo(side * step, signs);
          addProducts(side / (2 * step));
        }
      }
      return quadratic;
    }

    private void addProducts(double factor) {
      final long examples = samples.stream().mapToLong(LossSample::examples).sum();
      for (LossSample<B> sample : samples) {
        final double share = factor * sample.examples() / examples;
        model.gradients(
            sample.batch(),
            sample.loss(),
            Regularization.NONE,
            new GradientSink() {
              @Override
              public boolean wants(String parameter) {
                return names.contains(parameter);
              }

              @Override
              public void accept(String parameter, INDArray gradient) {
                final int t = names.indexOf(parameter);
                final float[] g = Floats.toArray(gradient);
                double dot = 0;
                for (int i = 0; i < g.length; i++) {
                  dot += signs.at(t, i) * g[i];
                }
                quadratic[t] += share * dot;
              }
            });
      }
    }
  }
}
