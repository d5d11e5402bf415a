package dev.bantam.checkpoint;

import java.util.HashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** BERT's forward pass by its definition, in double, one sequence at a time. For tests only. */
final class ReferenceBert {
  private final Architecture a;
  private final Map<String, INDArray> p;
  private final Map<String, double[][]> matrices = new HashMap<>();

  ReferenceBert(Checkpoint checkpoint) {
    this(checkpoint.architecture(), checkpoint.parameters());
  }

  ReferenceBert(Architecture architecture, Map<String, INDArray> parameters) {
    a = architecture;
    p = parameters;
  }

  /** Hidden states after the last layer, [tokens][hidden]. */
  double[][] forward(int[] ids, int[] types, int[] positions) {
    final INDArray words = p.get("embeddings.word_embeddings.weight");
    final double[][] places = matrix("embeddings.position_embeddings.weight");
    final double[][] kinds = matrix("embeddings.token_type_embeddings.weight");
    double[][] h = new double[ids.length][a.hiddenSize()];
    for (int t = 0; t < ids.length; t++) {
      final double[] word = words.getRow(ids[t]).toDoubleVector();
      for (int c = 0; c < a.hiddenSize(); c++) {
        h[t][c] = word[c] + places[positions[t]][c] + kinds[types[t]][c];
      }
    }
    h = norm(h, "embeddings.LayerNorm");
    for (int i = 0; i < a.layers().size(); i++) {
      h = layer(h, "encoder.layer." + i + ".", a.layers().get(i).heads());
    }
    return h;
  }

  double[] pooler(double[][] hidden) {
    final double[] pooled = linear(new double[][] {hidden[0]}, "pooler.dense")[0];
    for (int i = 0; i < pooled.length; i++) {
      pooled[i] = Math.tanh(pooled[i]);
    }
    return pooled;
  }

  double[] classifier(double[] pooled) {
    return linear(new double[][] {pooled}, "classifier")[0];
  }

  private double[][] layer(double[][] h, String name, int heads) {
    final double[][] q = linear(h, name + "attention.self.query");
    final double[][] k = linear(h, name + "attention.self.key");
    final double[][] v = linear(h, name + "attention.self.value");
    final double[][] context = new double[h.length][heads * a.headSize()];
    for (int head = 0; head < heads; head++) {
      attend(q, k, v, head * a.headSize(), context);
    }
    final double[][] x =
        norm(
            sum(linear(context, name + "attention.output.dense"), h),
            name + "attention.output.LayerNorm");
    final double[][] inner = linear(x, name + "intermediate.dense");
    for (final double[] row : inner) {
      for (int i = 0; i < row.length; i++) {
        row[i] = activate(row[i]);
      }
    }
    return norm(sum(linear(inner, name + "output.dense"), x), name + "output.LayerNorm");
  }

  private void attend(double[][] q, double[][] k, double[][] v, int from, double[][] context) {
    final int n = q.length;
    for (int i = 0; i < n; i++) {
      final double[] weights = new double[n];
      double total = 0;
      for (int j = 0; j < n; j++) {
        double dot = 0;
        for (int c = from; c < from + a.headSize(); c++) {
          dot += q[i][c] * k[j][c];
        }
        weights[j] = Math.exp(dot / Math.sqrt(a.headSize()));
        total += weights[j];
      }
      for (int j = 0; j < n; j++) {
        for (int c = from; c < from + a.headSize(); c++) {
          context[i][c] += weights[j] / total * v[j][c];
        }
      }
    }
  }

  private double activate(double x) {
    return switch (a.activation()) {
      case GELU_ERF -> x / 2 * (1 + erf(x / Math.sqrt(2)));
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case RELU -> Math.max(0, x);
    };
  }

  /** erf(x) = 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!. */
  private static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double total = x;
    for (int n = 1; n < 200; n++) {
      term *= 2 * x * x / (2 * n + 1);
      total += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * total;
  }

  private double[][] linear(double[][] x, String name) {
    final double[][] w = matrix(name + ".weight");
    final double[] b = p.get(name + ".bias").toDoubleVector();
    final double[][] y = new double[x.length][w.length];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < w.length; o++) {
        double dot = b[o];
        for (int i = 0; i < w[o].length; i++) {
          dot += w[o][i] * x[t][i];
        }
        y[t][o] = dot;
      }
    }
    return y;
  }

  private double[][] norm(double[][] x, String name) {
    final double[] weight = p.get(name + ".weight").toDoubleVector();
    final double[] bias = p.get(name + ".bias").toDoubleVector();
    for (final double[] row : x) {
      double mean = 0;
      for (final double value : row) {
        mean += value / row.length;
      }
      double variance = 0;
      for (final double value : row) {
        variance += (value - mean) * (value - mean) / row.length;
      }
      for (int c = 0; c < row.length; c++) {
        row[c] = (row[c] - mean) / Math.sqrt(variance + a.layerNormEps()) * weight[c] + bias[c];
      }
    }
    return x;
  }

  private static double[][] sum(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int c = 0; c < x[t].length; c++) {
        x[t][c] += y[t][c];
      }
    }
    return x;
  }

  private double[][] matrix(String name) {
    return matrices.computeIfAbsent(
        name,
        n -> {
          final INDArray array = p.get(n);
          final double[][] rows = new double[array.rows()][array.columns()];
          FloatTensors.read(
              array,
              (from, tile, count) -> {
                for (int i = 0; i < count; i++) {
                  final int at = (int) from + i;
                  rows[at / array.columns()][at % array.columns()] = tile[i];
                }
              });
          return rows;
        });
  }
}
