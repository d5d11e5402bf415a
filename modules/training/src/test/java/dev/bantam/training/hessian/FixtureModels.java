package dev.bantam.training.hessian;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Loss;
import dev.bantam.model.ParameterShapes;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.GoldenCase;
import dev.bantam.training.Losses;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The models, data and dense Hessians of golden cases. */
final class FixtureModels {
  private FixtureModels() {}

  /** The encoder of a case. */
  static EncoderModel encoder(GoldenCase golden, Workers workers) {
    final JsonNode config = golden.parameter("config");
    final int hidden = config.path("hidden_size").intValue();
    final int heads = config.path("num_attention_heads").intValue();
    final List<Architecture.LayerShape> layers = new ArrayList<>();
    for (int i = 0; i < config.path("num_hidden_layers").intValue(); i++) {
      layers.add(new Architecture.LayerShape(heads, config.path("intermediate_size").intValue()));
    }
    final Architecture architecture =
        new Architecture(
            "bert",
            config.path("vocab_size").intValue(),
            config.path("max_position_embeddings").intValue(),
            config.path("type_vocab_size").intValue(),
            hidden,
            hidden / heads,
            layers,
            Architecture.Activation.GELU_ERF,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            config.path("layer_norm_eps").doubleValue(),
            0,
            true);
    final Head head =
        new Head(
            Head.Kind.SINGLE_LABEL,
            List.of("a", "b", "c").subList(0, config.path("num_labels").intValue()));
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    ParameterShapes.of(architecture, Optional.of(head), Pooling.POOLER)
        .forEach(
            (name, shape) -> {
              final String key = "in." + (name.startsWith("classifier") ? "" : "bert.") + name;
              parameters.put(name, Floats.tensor(golden.floats(key), shape));
            });
    return new EncoderModel(architecture, Optional.of(head), Pooling.POOLER, parameters, workers);
  }

  /** The sentences of a case with their labels, padding dropped. */
  static List<LossSample<Batch>> sentences(GoldenCase golden, int... rows) {
    final int n = golden.shape("in.input_ids")[1];
    final int[] mask = golden.integers("in.attention_mask");
    final int[] ids = golden.integers("in.input_ids");
    final int[] types = golden.integers("in.token_type_ids");
    final List<int[]> tokens = new ArrayList<>();
    final int[] offsets = new int[rows.length + 1];
    final int[] labels = new int[rows.length];
    for (int r = 0; r < rows.length; r++) {
      for (int t = 0; t < n; t++) {
        final int at = rows[r] * n + t;
        if (mask[at] != 0) {
          tokens.add(new int[] {ids[at], types[at], t});
        }
      }
      offsets[r + 1] = tokens.size();
      labels[r] = golden.integers("in.labels")[rows[r]];
    }
    final Batch batch = new Batch(column(tokens, 0), column(tokens, 1), column(tokens, 2), offsets);
    return List.of(new LossSample<>(batch, Losses.crossEntropy(labels), rows.length));
  }

  private static int[] column(List<int[]> tokens, int column) {
    return tokens.stream().mapToInt(t -> t[column]).toArray();
  }

  /** All rows of a case. */
  static int[] rows(GoldenCase golden) {
    return java.util.stream.IntStream.range(0, golden.shape("in.input_ids")[0]).toArray();
  }

  /** Names of a layout of the case, as the model has them. */
  static List<String> names(GoldenCase golden, String layout, String prefix) {
    final List<String> names = new ArrayList<>();
    for (JsonNode entry : golden.parameter(layout)) {
      final String name = entry.path("name").textValue();
      final String own = name.startsWith("bert.") ? name.substring(5) : name;
      if (own.startsWith(prefix)) {
        names.add(own);
      }
    }
    return names;
  }

  /** The perceptron of a case. */
  static Perceptron perceptron(GoldenCase golden) {
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    for (JsonNode entry : golden.parameter("layout")) {
      final String name = entry.path("name").textValue();
      final int[] shape = golden.shape("in." + name);
      final long[] wide = java.util.Arrays.stream(shape).asLongStream().toArray();
      parameters.put(name, Floats.tensor(golden.floats("in." + name), wide));
    }
    return new Perceptron(parameters);
  }

  /** The rows of a perceptron's case with their targets. */
  static List<LossSample<float[]>> rowsOf(GoldenCase golden) {
    final Loss loss =
        golden.parameter("loss").textValue().startsWith("mse")
            ? Losses.meanSquaredError(golden.floats("in.target"))
            : Losses.crossEntropy(golden.integers("in.target"));
    return List.of(new LossSample<>(golden.floats("in.x"), loss, golden.shape("in.x")[0]));
  }

  /** A matrix at hand. */
  static SymmetricOperator dense(double[] matrix) {
    final int n = (int) Math.round(Math.sqrt(matrix.length));
    return new SymmetricOperator() {
      @Override
      public int dimension() {
        return n;
      }

      @Override
      public void multiply(double[] v, double[] result) {
        for (int r = 0; r < n; r++) {
          double sum = 0;
          for (int c = 0; c < n; c++) {
            sum += matrix[r * n + c] * v[c];
          }
          result[r] = sum;
        }
      }
    };
  }

  /** Row {@code row} of a matrix of {@code columns}. */
  static double[] row(double[] matrix, int row, int columns) {
    return java.util.Arrays.copyOfRange(matrix, row * columns, (row + 1) * columns);
  }

  /** {@code |a - b| / |b|}. */
  static double error(double[] a, double[] b) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < b.length; i++) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      norm += b[i] * b[i];
    }
    return Math.sqrt(difference / norm);
  }
}
