package dev.bantam.deltamerging;

import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What {@code fisher} and {@code regmean} weigh a model's parameters with, from examples of its
 * task. Sums in float64, in the order of the batches. For classes; labels are not needed.
 */
public final class MergeStatistics {
  private MergeStatistics() {}

  /**
   * Diagonal Fisher information, {@code 1/N sum_x sum_c p_c (d log p_c / d theta)^2}: one backward
   * pass for each class of each example.
   *
   * @param examples batches of one example each
   * @param names of the parameters
   * @return by name, of the shape of each parameter
   */
  public static <B> Map<String, INDArray> fisher(
      Model<B> model, List<B> examples, List<String> names) {
    final Squares squares = new Squares(model, names);
    for (B example : examples) {
      final int classes = oneRow(model.outputs(example)).columns();
      for (int c = 0; c < classes; c++) {
        model.gradients(example, ofClass(c), Regularization.NONE, squares);
      }
    }
    return squares.over(examples.size());
  }

  private static Model.Outputs oneRow(Model.Outputs outputs) {
    if (outputs.rows() != 1) {
      throw new IllegalArgumentException(
          "Fisher information needs batches of one example, not of " + outputs.rows());
    }
    return outputs;
  }

  /** {@code sqrt(p_c) log p_c} with the root held constant: its squared gradient is the summand. */
  private static Loss ofClass(int c) {
    return (outputs, rows, columns, gradient) -> {
      final double[] p = softmax(outputs, 0, columns);
      final double root = Math.sqrt(p[c]);
      for (int j = 0; j < columns; j++) {
        gradient[j] = (float) (root * ((j == c ? 1 : 0) - p[j]));
      }
      return root * Math.log(p[c]);
    };
  }

  /**
   * As MergeLM computes it: the gradient of {@code sum over a batch and its classes of sqrt(p_c)
   * log p_c} is squared as a whole, so the result depends on the batches. For comparisons.
   *
   * @param batches of any size
   */
  public static <B> Map<String, INDArray> fisherOfMergelm(
      Model<B> model, List<B> batches, List<String> names) {
    final Squares squares = new Squares(model, names);
    final int[] examples = {0};
    for (B batch : batches) {
      final Loss all =
          (outputs, rows, columns, gradient) -> {
            examples[0] += rows;
            double loss = 0;
            for (int r = 0; r < rows; r++) {
              loss += addAllClasses(outputs, r * columns, columns, gradient);
            }
            return loss;
          };
      model.gradients(batch, all, Regularization.NONE, squares);
    }
    return squares.over(examples[0]);
  }

  private static double addAllClasses(float[] outputs, int from, int columns, float[] gradient) {
    final double[] p = softmax(outputs, from, columns);
    double roots = 0;
    double loss = 0;
    for (double share : p) {
      roots += Math.sqrt(share);
      loss += Math.sqrt(share) * Math.log(share);
    }
    for (int j = 0; j < columns; j++) {
      gradient[from + j] = (float) (Math.sqrt(p[j]) - p[j] * roots);
    }
    return loss;
  }

  private static double[] softmax(float[] outputs, int from, int columns) {
    double peak = Double.NEGATIVE_INFINITY;
    for (int i = from; i < from + columns; i++) {
      peak = Math.max(peak, outputs[i]);
    }
    final double[] p = new double[columns];
    double sum = 0;
    for (int j = 0; j < columns; j++) {
      p[j] = StrictMath.exp(outputs[from + j] - peak);
      sum += p[j];
    }
    for (int j = 0; j < columns; j++) {
      p[j] /= sum;
    }
    return p;
  }

  /**
   * Second moments {@code X^T X / rows} of the inputs of linear layers.
   *
   * @param weights names of matrices of linear layers; memory is 8 in^2 bytes for each
   * @return by name of the weight, [in, in]
   */
  public static <B> Map<String, INDArray> moments(
      Model<B> model, List<B> batches, List<String> weights) {
    final Map<String, double[]> sums = new LinkedHashMap<>();
    final Map<String, Long> counts = new LinkedHashMap<>();
    for (B batch : batches) {
      model.linearInputs(
          batch,
          weights,
          (weight, input, rows, columns) -> {
            final double[] sum =
                sums.computeIfAbsent(weight, w -> new double[Math.multiplyExact(columns, columns)]);
            addProducts(input, rows, columns, sum);
            counts.merge(weight, (long) rows, Long::sum);
          });
    }
    final Map<String, INDArray> moments = new LinkedHashMap<>();
    sums.forEach(
        (weight, sum) -> {
          final int columns = (int) Math.round(Math.sqrt(sum.length));
          mirror(sum, columns);
          moments.put(weight, tensor(sum, counts.get(weight), columns, columns));
        });
    return moments;
  }

  /** The lower triangle. */
  private static void addProducts(Floats input, int rows, int columns, double[] sum) {
    final float[] row = new float[columns];
    for (int r = 0; r < rows; r++) {
      input.read(r * columns, row, 0, columns);
      for (int a = 0; a < columns; a++) {
        final double x = row[a];
        for (int b = 0; b <= a; b++) {
          sum[a * columns + b] += x * row[b];
        }
      }
    }
  }

  private static void mirror(double[] sum, int columns) {
    for (int a = 0; a < columns; a++) {
      for (int b = 0; b < a; b++) {
        sum[b * columns + a] = sum[a * columns + b];
      }
    }
  }

  private static INDArray tensor(double[] sum, long count, long... shape) {
    final float[] values = new float[sum.length];
    for (int i = 0; i < sum.length; i++) {
      values[i] = (float) (sum[i] / count);
    }
    return Floats.tensor(values, shape);
  }

  /** Sums of squared gradients. */
  private static final class Squares implements GradientSink {
    private final Map<String, double[]> sums = new LinkedHashMap<>();
    private final Map<String, long[]> shapes = new LinkedHashMap<>();

    Squares(Model<?> model, List<String> names) {
      for (String name : names) {
        final INDArray parameter = model.parameters().get(name);
        if (parameter == null) {
          throw new IllegalArgumentException("The model has no parameter '" + name + "'");
        }
        sums.put(name, new double[Math.toIntExact(parameter.length())]);
        shapes.put(name, parameter.shape());
      }
    }

    @Override
    public boolean wants(String parameter) {
      return sums.containsKey(parameter);
    }

    @Override
    public void accept(String parameter, INDArray gradient) {
      final double[] sum = sums.get(parameter);
      if (sum != null) {
        final float[] values = Floats.toArray(gradient);
        for (int i = 0; i < values.length; i++) {
          sum[i] += (double) values[i] * values[i];
        }
      }
    }

    Map<String, INDArray> over(int count) {
      final Map<String, INDArray> mean = new LinkedHashMap<>();
      sums.forEach((name, sum) -> mean.put(name, tensor(sum, count, shapes.get(name))));
      return mean;
    }
  }
}
