package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Model.Regularization;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A whole encoder layer of BiT, forward and all gradients, against its published code. */
class BitLayerTest {
  private static final Workers WORKERS = new Workers(2);
  private static final String PREFIX = "encoder.layer.0.";

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  static List<Path> cases() {
    return GoldenCase.folders("binarization", "bit-layer");
  }

  /** Gives the layer its input and takes the gradient of it. */
  private record Input(float[] x, float[] gradient) implements ActivationTransform {
    @Override
    public void forward(Tile tile) {
      System.arraycopy(x, tile.row() * tile.columns(), tile.values(), 0, tile.length());
    }

    @Override
    public void backward(Tile input, float[] g, double[][] parameterGradients) {
      System.arraycopy(g, 0, gradient, input.row() * input.columns(), input.length());
    }
  }

  private record KeyMask(float[] mask, int n) implements ActivationTransform {
    @Override
    public void forward(Tile tile) {
      for (int i = 0; i < tile.length(); i++) {
        tile.values()[i] += mask[tile.sequence() * n + i % n];
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {}
  }

  private static ElasticInput elastic(
      GoldenCase golden, int bits, boolean signed, String scale, String move, float shift, long n) {
    final Elastic elastic = new Elastic(bits, signed);
    return new ElasticInput(
        elastic,
        Floats.tensor(golden.floats("param." + scale), 1),
        move == null
            ? null
            : Floats.tensor(golden.floats("param." + move), golden.shape("param." + move)),
        shift,
        elastic.gradientScale(n),
        1);
  }

  private static float leastOfHidden(GoldenCase golden) {
    final float[] hidden = golden.floats("out.intermediate");
    final float[] move = golden.floats("param.output.dense.move.bias");
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i < hidden.length; i++) {
      least = Math.min(least, hidden[i] + move[i % move.length]);
    }
    return least;
  }

  private static float leastProbability(GoldenCase golden, int n) {
    final float[] scores = golden.floats("scores");
    final float[] mask = golden.floats("additive_mask");
    final int each = golden.integer("heads") * n * n;
    double least = 1;
    for (int row = 0; row < scores.length; row += n) {
      double sum = 0;
      for (int i = row; i < row + n; i++) {
        sum += Math.exp(scores[i] + mask[i / each * n + i % n]);
      }
      for (int i = row; i < row + n; i++) {
        least = Math.min(least, Math.exp(scores[i] + mask[i / each * n + i % n]) / sum);
      }
    }
    return (float) least;
  }

  private static EncoderModel model(GoldenCase golden, int bits, int tokens, int n) {
    final int d = golden.integer("hidden");
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    parameters.put("embeddings.word_embeddings.weight", Floats.tensor(new float[d], 1, d));
    parameters.put("embeddings.position_embeddings.weight", Floats.tensor(new float[n * d], n, d));
    parameters.put("embeddings.token_type_embeddings.weight", Floats.tensor(new float[d], 1, d));
    parameters.put("embeddings.LayerNorm.weight", Floats.tensor(new float[d], d));
    parameters.put("embeddings.LayerNorm.bias", Floats.tensor(new float[d], d));
    for (String name : golden.names()) {
      if (name.startsWith("param.")
          && name.matches(".*\\.(weight|bias)")
          && !name.contains("move")) {
        parameters.put(
            PREFIX + name.substring("param.".length()),
            Floats.tensor(golden.floats(name), golden.shape(name)));
      }
    }
    final EncoderModel model =
        new EncoderModel(
            BibertModelTest.architecture(golden, parameters, Architecture.Activation.GELU_ERF),
            Optional.empty(),
            Pooling.MEAN,
            parameters,
            WORKERS);
    model.setActivation(0, Architecture.Activation.RELU);
    final int f = golden.integer("intermediate");
    final Map<String, Integer> linears = new LinkedHashMap<>();
    linears.put("attention.self.query", d);
    linears.put("attention.self.key", d);
    linears.put("attention.self.value", d);
    linears.put("attention.output.dense", d);
    linears.put("intermediate.dense", d);
    linears.put("output.dense", f);
    linears.forEach(
        (name, k) -> {
          final boolean last = name.equals("output.dense");
          final float shift = last && bits > 1 ? leastOfHidden(golden) : 0f;
          final ElasticInput input =
              elastic(
                  golden,
                  bits,
                  !last,
                  name + ".input_clip_val",
                  name + ".move.bias",
                  shift,
                  (long) tokens * k);
          model.setOperator(
              PREFIX + name + ".weight",
              new QuantizedLinear(
                  parameters.get(PREFIX + name + ".weight"),
                  BinaryWeights.BIT,
                  Optional.of(input)));
        });
    for (String which : List.of("query", "key", "value")) {
      model.attach(
          "layer.0.attention." + which,
          new CodedTransform(
              elastic(
                  golden,
                  bits,
                  true,
                  "attention.self.clip_" + which,
                  null,
                  0f,
                  (long) tokens * d)));
    }
    model.attach(
        "layer.0.attention.probabilities",
        new CodedTransform(
            elastic(
                golden,
                bits,
                false,
                "attention.self.clip_attn",
                null,
                bits > 1 ? leastProbability(golden, n) : 0f,
                (long) tokens * n * golden.integer("heads"))));
    model.attach("layer.0.attention.scores", new KeyMask(golden.floats("additive_mask"), n));
    return model;
  }

  private static Batch batch(int sequences, int n) {
    final int[] offsets = new int[sequences + 1];
    for (int s = 0; s < sequences; s++) {
      offsets[s + 1] = (s + 1) * n;
    }
    return new Batch(
        new int[sequences * n], new int[sequences * n], new int[sequences * n], offsets);
  }

  private static LossTerm linear(Site site, float[] slopes) {
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return List.of(site);
      }

      @Override
      public double apply(Batch batch, List<float[]> values, List<float[]> gradients) {
        System.arraycopy(slopes, 0, gradients.get(0), 0, slopes.length);
        return 0;
      }
    };
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layer(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int bits = Integer.parseInt(golden.toString().replaceAll(".*-a(\\d).*", "$1"));
      final long[] shape = golden.shape("x");
      final int n = (int) shape[1];
      final EncoderModel model = model(golden, bits, (int) shape[0] * n, n);
      final Batch batch = batch((int) shape[0], n);
      final float[] dx = new float[golden.floats("x").length];
      model.attach("embeddings.output", new Input(golden.floats("x"), dx));
      final Map<Kind, String> modules = new LinkedHashMap<>();
      modules.put(Kind.ATTENTION_QUERY, "out.attention.self.query");
      modules.put(Kind.ATTENTION_KEY, "out.attention.self.key");
      modules.put(Kind.ATTENTION_VALUE, "out.attention.self.value");
      modules.put(Kind.ATTENTION_CONTEXT, "out.attention.self");
      modules.put(Kind.ATTENTION_OUTPUT, "out.attention.output.dense");
      modules.put(Kind.ATTENTION_NORM, "out.attention");
      modules.put(Kind.FFN_HIDDEN, "out.intermediate");
      modules.put(Kind.FFN_OUTPUT, "out.output.dense");
      modules.put(Kind.LAYER_OUTPUT, "y");
      modules.forEach(
          (kind, name) ->
              golden.check(name, model.siteValues(batch, List.of(new Site(0, kind))).get(0)));
      final Map<String, float[]> gradients = new LinkedHashMap<>();
      final GradientSink sink =
          new GradientSink() {
            @Override
            public boolean wants(String parameter) {
              return true;
            }

            @Override
            public void accept(String parameter, INDArray gradient) {
              gradients.put(parameter, Floats.toArray(gradient));
            }
          };
      model.gradients(
          batch,
          Loss.NONE,
          List.of(linear(new Site(0, Kind.LAYER_OUTPUT), golden.floats("grad_output"))),
          Regularization.NONE,
          sink);
      golden.check("dx", dx);
      int compared = 0;
      for (String name : golden.names()) {
        if (name.startsWith("grad.")) {
          golden.check(name, gradients.get(ours(name.substring("grad.".length()))));
          compared++;
        }
      }
      assertEquals(32, compared);
      model.close();
    }
  }

  /** Our name of a parameter of the reference. */
  private static String ours(String name) {
    if (name.startsWith("attention.self.clip_")) {
      final String site = name.substring("attention.self.clip_".length());
      return "layer.0.attention." + (site.equals("attn") ? "probabilities" : site) + "/scale";
    }
    if (name.endsWith(".input_clip_val")) {
      return PREFIX + name.replace(".input_clip_val", ".weight/scale");
    }
    return PREFIX
        + (name.endsWith(".move.bias") ? name.replace(".move.bias", ".weight/move") : name);
  }
}
