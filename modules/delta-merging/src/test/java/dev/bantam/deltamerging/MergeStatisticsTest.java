package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Statistics of MergeLM's small models, whose weights and data stand in its cases. */
class MergeStatisticsTest {
  private static final List<String> BODY =
      List.of("lin1.weight", "lin1.bias", "lin2.weight", "lin2.bias", "norm.weight", "norm.bias");

  @Test
  void fisherIsThatOfMergelm() {
    int checked = 0;
    for (var folder : GoldenCase.folders("merging", "mergelm-fisher")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        for (String name : new String[] {"m0", "m1", "m2"}) {
          final Tanh model = new Tanh(golden, name);
          final Map<String, INDArray> fisher =
              MergeStatistics.fisherOfMergelm(model, model.batches(), BODY);
          for (String parameter : BODY) {
            golden.check("fisher." + name + "." + parameter, Floats.toArray(fisher.get(parameter)));
            checked++;
          }
        }
      }
    }
    assertTrue(checked >= 18, "checked " + checked);
  }

  @Test
  void momentsAreThoseOfMergelm() {
    int checked = 0;
    for (var folder : GoldenCase.folders("merging", "mergelm-regmean")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        for (String name : new String[] {"m0", "m1", "m2"}) {
          final Tanh model = new Tanh(golden, name);
          final Map<String, INDArray> moments =
              MergeStatistics.moments(
                  model, model.batches(), List.of("lin1.weight", "lin2.weight"));
          for (String layer : new String[] {"lin1", "lin2"}) {
            golden.check(
                "gram." + name + "." + layer, Floats.toArray(moments.get(layer + ".weight")));
            checked++;
          }
        }
      }
    }
    assertTrue(checked >= 6, "checked " + checked);
  }

  /**
   * By definition: the mean over examples and classes of p (d log p)^2, by differences of log p.
   */
  @Test
  void fisherIsTheTextbooks() {
    try (GoldenCase golden =
        new GoldenCase(GoldenCase.folders("merging", "mergelm-fisher").get(0))) {
      final Tanh model = new Tanh(golden, "m1");
      final List<double[][][]> examples = model.examples();
      final Map<String, INDArray> fisher = MergeStatistics.fisher(model, examples, BODY);
      for (String parameter : BODY) {
        final float[] got = Floats.toArray(fisher.get(parameter));
        final double[] own = model.weights.get(parameter);
        for (int i = 0; i < own.length; i++) {
          double wanted = 0;
          for (double[][][] example : examples) {
            final double[] p = exp(model.logProbabilities(example));
            final double before = own[i];
            own[i] = before + 1e-5;
            final double[] up = model.logProbabilities(example);
            own[i] = before - 1e-5;
            final double[] down = model.logProbabilities(example);
            own[i] = before;
            for (int c = 0; c < p.length; c++) {
              final double slope = (up[c] - down[c]) / 2e-5;
              wanted += p[c] * slope * slope / examples.size();
            }
          }
          assertEquals(wanted, got[i], 1e-7 + 1e-4 * wanted, parameter + "[" + i + "]");
        }
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> MergeStatistics.fisher(model, model.batches(), BODY),
          "batches of four");
    }
  }

  private static double[] exp(double[] values) {
    return java.util.Arrays.stream(values).map(Math::exp).toArray();
  }

  /**
   * The model of the cases, in double: lin1, tanh, lin2, LayerNorm, mean over the tokens,
   * classifier. Gradients by central differences of the outputs. A batch is [examples][tokens][k].
   */
  private static final class Tanh implements Model<double[][][]> {
    private final Map<String, double[]> weights = new LinkedHashMap<>();
    private final Map<String, INDArray> parameters = new LinkedHashMap<>();
    private final GoldenCase golden;
    private final String name;

    Tanh(GoldenCase golden, String name) {
      this.golden = golden;
      this.name = name;
      final List<String> all = new ArrayList<>(BODY);
      all.add("classifier.weight");
      all.add("classifier.bias");
      for (String parameter : all) {
        final float[] values = golden.floats(name + "." + parameter);
        weights.put(parameter, widened(values));
        parameters.put(parameter, Floats.tensor(values, golden.shape(name + "." + parameter)));
      }
    }

    private static double[] widened(float[] values) {
      final double[] wide = new double[values.length];
      for (int i = 0; i < values.length; i++) {
        wide[i] = values[i];
      }
      return wide;
    }

    List<double[][][]> batches() {
      final List<double[][][]> batches = new ArrayList<>();
      for (int b = 0; golden.has("data." + name + ".batch" + b); b++) {
        final String tensor = "data." + name + ".batch" + b;
        final long[] shape = golden.shape(tensor);
        final float[] values = golden.floats(tensor);
        final double[][][] batch = new double[(int) shape[0]][(int) shape[1]][(int) shape[2]];
        int at = 0;
        for (double[][] example : batch) {
          for (double[] token : example) {
            for (int k = 0; k < token.length; k++) {
              token[k] = values[at++];
            }
          }
        }
        batches.add(batch);
      }
      assertTrue(batches.size() > 0, "no data for " + name);
      return batches;
    }

    List<double[][][]> examples() {
      final List<double[][][]> examples = new ArrayList<>();
      for (double[][][] batch : batches()) {
        for (double[][] example : batch) {
          examples.add(new double[][][] {example});
        }
      }
      return examples;
    }

    private double[] linear(String layer, double[] x) {
      final double[] w = weights.get(layer + ".weight");
      final double[] y = weights.get(layer + ".bias").clone();
      for (int o = 0; o < y.length; o++) {
        for (int i = 0; i < x.length; i++) {
          y[o] += w[o * x.length + i] * x[i];
        }
      }
      return y;
    }

    private double[] hidden(double[] token) {
      final double[] h = linear("lin1", token);
      for (int i = 0; i < h.length; i++) {
        h[i] = Math.tanh(h[i]);
      }
      return h;
    }

    private double[] logits(double[][] example) {
      double[] mean = null;
      for (double[] token : example) {
        final double[] y = linear("lin2", hidden(token));
        double average = 0;
        double variance = 0;
        for (double v : y) {
          average += v / y.length;
        }
        for (double v : y) {
          variance += (v - average) * (v - average) / y.length;
        }
        mean = mean == null ? new double[y.length] : mean;
        for (int i = 0; i < y.length; i++) {
          final double normal = (y[i] - average) / Math.sqrt(variance + 1e-12);
          mean[i] +=
              (normal * weights.get("norm.weight")[i] + weights.get("norm.bias")[i])
                  / example.length;
        }
      }
      return linear("classifier", mean);
    }

    double[] logProbabilities(double[][][] batch) {
      final double[] z = logits(batch[0]);
      double sum = 0;
      for (double v : z) {
        sum += Math.exp(v);
      }
      for (int i = 0; i < z.length; i++) {
        z[i] -= Math.log(sum);
      }
      return z;
    }

    private double[] all(double[][][] batch) {
      final List<double[]> rows = new ArrayList<>();
      for (double[][] example : batch) {
        rows.add(logits(example));
      }
      return rows.stream().flatMapToDouble(java.util.Arrays::stream).toArray();
    }

    @Override
    public Map<String, INDArray> parameters() {
      return parameters;
    }

    @Override
    public Outputs outputs(double[][][] batch) {
      final double[] z = all(batch);
      final float[] values = new float[z.length];
      for (int i = 0; i < z.length; i++) {
        values[i] = (float) z[i];
      }
      return new Outputs(values, batch.length, z.length / batch.length);
    }

    @Override
    public double gradients(
        double[][][] batch, Loss loss, Regularization regularization, GradientSink sink) {
      final Outputs outputs = outputs(batch);
      final float[] outer = new float[outputs.values().length];
      final double value = loss.apply(outputs.values(), outputs.rows(), outputs.columns(), outer);
      weights.forEach(
          (parameter, own) -> {
            if (!sink.wants(parameter)) {
              return;
            }
            final float[] gradient = new float[own.length];
            for (int i = 0; i < own.length; i++) {
              final double before = own[i];
              own[i] = before + 1e-5;
              final double[] up = all(batch);
              own[i] = before - 1e-5;
              final double[] down = all(batch);
              own[i] = before;
              double sum = 0;
              for (int j = 0; j < outer.length; j++) {
                sum += outer[j] * (up[j] - down[j]) / 2e-5;
              }
              gradient[i] = (float) sum;
            }
            sink.accept(parameter, Floats.tensor(gradient, parameters.get(parameter).shape()));
          });
      return value;
    }

    @Override
    public void linearInputs(double[][][] batch, Collection<String> wanted, InputSink sink) {
      for (String weight : wanted) {
        final List<double[]> rows = new ArrayList<>();
        for (double[][] example : batch) {
          for (double[] token : example) {
            rows.add(weight.equals("lin1.weight") ? token : hidden(token));
          }
        }
        final int columns = rows.get(0).length;
        final float[] values = new float[rows.size() * columns];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) rows.get(i / columns)[i % columns];
        }
        sink.accept(
            weight, Floats.of(Floats.tensor(values, rows.size(), columns)), rows.size(), columns);
      }
    }
  }
}
