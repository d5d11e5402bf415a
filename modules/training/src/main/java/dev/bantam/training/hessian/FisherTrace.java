package dev.bantam.training.hessian;

import dev.bantam.checkpoint.Progress;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Model;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Traces of the empirical Fisher matrix's block of each tensor: the mean squared norm of the
 * gradient of one example's loss, for its own label. It stands in for the Hessian with first
 * derivatives only; it is never negative, so it says nothing of negative curvature.
 */
public final class FisherTrace {
  private FisherTrace() {}

  /**
   * Estimates traces.
   *
   * @param names of parameters, all different
   * @param samples batches of one example each; larger ones are refused, the gradient of their mean
   *     loss is another matrix's
   * @return the trace of each tensor's block, in the order of {@code names}
   */
  public static <B> Map<String, Estimate> estimate(
      Model<B> model, List<String> names, List<LossSample<B>> samples, Progress progress) {
    final Map<String, double[]> squares = new LinkedHashMap<>();
    names.forEach(name -> squares.put(name, new double[samples.size()]));
    try (Progress.Bar bar = progress.start("Sampling gradients", samples.size(), "gradients")) {
      for (int k = 0; k < samples.size(); k++) {
        final LossSample<B> sample = samples.get(k);
        if (sample.examples() != 1) {
          throw new IllegalArgumentException("A batch of " + sample.examples() + " examples");
        }
        model.gradients(sample.batch(), sample.loss(), Regularization.NONE, sink(squares, k));
        bar.advance(1);
      }
    }
    final Map<String, Estimate> estimates = new LinkedHashMap<>();
    squares.forEach((name, all) -> estimates.put(name, Estimate.of(all)));
    return estimates;
  }

  private static GradientSink sink(Map<String, double[]> squares, int k) {
    return new GradientSink() {
      @Override
      public boolean wants(String parameter) {
        return squares.containsKey(parameter);
      }

      @Override
      public void accept(String parameter, INDArray gradient) {
        double sum = 0;
        for (float g : Floats.toArray(gradient)) {
          sum += (double) g * g;
        }
        squares.get(parameter)[k] = sum;
      }
    };
  }
}
