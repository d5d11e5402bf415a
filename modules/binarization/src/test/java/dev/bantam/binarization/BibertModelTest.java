package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Head;
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
import dev.bantam.training.DistillationTerms;
import dev.bantam.training.HiddenDistillation;
import dev.bantam.training.Losses;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A whole small BiBERT, forward, losses and all gradients, against its published code. */
class BibertModelTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  static List<Path> cases() {
    return GoldenCase.folders("binarization", "bibert-model-train-step");
  }

  /** The reference's padding: -10000 on the scores of masked keys. */
  private record KeyMask(int[] mask, int n) implements ActivationTransform {
    @Override
    public void forward(Tile tile) {
      for (int i = 0; i < tile.length(); i++) {
        tile.values()[i] += mask[tile.sequence() * n + i % n] == 0 ? -10_000f : 0f;
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {}
  }

  private static final class Sink implements GradientSink {
    final Map<String, float[]> gradients = new LinkedHashMap<>();

    @Override
    public boolean wants(String parameter) {
      return true;
    }

    @Override
    public void accept(String parameter, INDArray gradient) {
      gradients.put(parameter, Floats.toArray(gradient));
    }
  }

  private static EncoderModel model(GoldenCase golden, Threshold threshold, int n) {
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    for (String name : golden.names()) {
      if (name.startsWith("param.")) {
        parameters.put(
            name.substring("param.".length()).replaceFirst("^bert\\.", ""),
            Floats.tensor(golden.floats(name), golden.shape(name)));
      }
    }
    final EncoderModel model =
        new EncoderModel(
            architecture(golden, parameters, Architecture.Activation.GELU_ERF),
            Optional.of(
                new Head(
                    Head.Kind.SINGLE_LABEL, Collections.nCopies(golden.integer("labels"), "x"))),
            Pooling.POOLER,
            parameters,
            WORKERS);
    for (String name : parameters.keySet()) {
      if (parameters.get(name).rank() == 2
          && !name.startsWith("embeddings.")
          && !name.startsWith("classifier.")) {
        model.setOperator(
            name,
            new QuantizedLinear(
                parameters.get(name), BinaryWeights.BIBERT, Optional.of(new SignInput())));
      }
    }
    model.attach(
        "embeddings.word",
        new CodedRows(BinaryWeights.BIBERT, parameters.get("embeddings.word_embeddings.weight")));
    for (int i = 0; i < golden.integer("layers"); i++) {
      model.setAttention(i, new BiAttention(threshold));
      model.attach(
          "layer." + i + ".attention.scores", new KeyMask(golden.ints("attention_mask"), n));
    }
    return model;
  }

  static Architecture architecture(
      GoldenCase golden, Map<String, INDArray> parameters, Architecture.Activation activation) {
    final int layers = golden.parameters().path("layers").asInt(1);
    return new Architecture(
        "bert",
        (int) parameters.get("embeddings.word_embeddings.weight").size(0),
        (int) parameters.get("embeddings.position_embeddings.weight").size(0),
        (int) parameters.get("embeddings.token_type_embeddings.weight").size(0),
        golden.integer("hidden"),
        golden.integer("hidden") / golden.integer("heads"),
        Collections.nCopies(
            layers,
            new Architecture.LayerShape(golden.integer("heads"), golden.integer("intermediate"))),
        activation,
        Architecture.NormPlacement.POST,
        Architecture.PositionScheme.LEARNED,
        golden.parameters().required("layer_norm_eps").asDouble(),
        0,
        parameters.containsKey("pooler.dense.weight"));
  }

  private static Batch batch(GoldenCase golden, int sequences, int n) {
    final int[] offsets = new int[sequences + 1];
    final int[] positions = new int[sequences * n];
    for (int t = 0; t < positions.length; t++) {
      positions[t] = t % n;
      offsets[t / n + 1] = t + 1;
    }
    return new Batch(golden.ints("input_ids"), golden.ints("token_type_ids"), positions, offsets);
  }

  private static final Map<Kind, String> MODULES = new LinkedHashMap<>();

  static {
    MODULES.put(Kind.ATTENTION_QUERY, "attention.self.query");
    MODULES.put(Kind.ATTENTION_KEY, "attention.self.key");
    MODULES.put(Kind.ATTENTION_VALUE, "attention.self.value");
    MODULES.put(Kind.ATTENTION_CONTEXT, "attention.self");
    MODULES.put(Kind.ATTENTION_OUTPUT, "attention.output.dense");
    MODULES.put(Kind.ATTENTION_NORM, "attention.output.LayerNorm");
    MODULES.put(Kind.FFN_HIDDEN, "intermediate");
    MODULES.put(Kind.FFN_OUTPUT, "output.dense");
    MODULES.put(Kind.LAYER_OUTPUT, "output");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void modulesAndGradients(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final long[] shape = golden.shape("input_ids");
      final int n = (int) shape[1];
      final boolean zerosArePositive = golden.toString().endsWith("plus");
      final EncoderModel model =
          model(golden, zerosArePositive ? Threshold.AT_LEAST_ZERO : Threshold.ABOVE_ZERO, n);
      final Batch batch = batch(golden, (int) shape[0], n);
      final float[] embedded =
          model.siteValues(batch, List.of(Site.of(Kind.EMBEDDINGS_OUTPUT))).get(0);
      golden.check("out.bert.embeddings", embedded);
      // where sign(0) is 0, zeros of the first context change all that follows
      final int layers = zerosArePositive ? golden.integer("layers") : 1;
      for (int layer = 0; layer < layers; layer++) {
        for (Map.Entry<Kind, String> module : MODULES.entrySet()) {
          final float[] got =
              model.siteValues(batch, List.of(new Site(layer, module.getKey()))).get(0);
          golden.check("out.bert.encoder.layer." + layer + "." + module.getValue(), got);
          if (!zerosArePositive && module.getKey() == Kind.ATTENTION_CONTEXT) {
            break;
          }
        }
        final float[] scores =
            model.siteValues(batch, List.of(new Site(layer, Kind.ATTENTION_SCORES))).get(0);
        golden.check("layer" + layer + ".scores", masked(golden, scores, n));
        attendedBits(golden, layer, scores, n);
      }
      if (zerosArePositive) {
        golden.check("logits", model.outputs(batch).values());
        gradients(golden, model, batch);
      }
      model.close();
    }
  }

  private static float[] masked(GoldenCase golden, float[] scores, int n) {
    final int[] mask = golden.ints("attention_mask");
    final int each = golden.integer("heads") * n * n;
    final float[] all = scores.clone();
    for (int i = 0; i < all.length; i++) {
      all[i] += mask[i / each * n + i % n] == 0 ? -10_000f : 0f;
    }
    return all;
  }

  private static void attendedBits(GoldenCase golden, int layer, float[] scores, int n) {
    final byte[] expected = golden.bytes("layer" + layer + ".attention_bits");
    final float[] all = masked(golden, scores, n);
    final Threshold threshold =
        golden.toString().endsWith("plus") ? Threshold.AT_LEAST_ZERO : Threshold.ABOVE_ZERO;
    final byte[] bits = new byte[all.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (byte) (threshold.attends(all[i]) ? 1 : 0);
    }
    assertArrayEquals(expected, bits, "bits of layer " + layer);
  }

  private static void gradients(GoldenCase golden, EncoderModel model, Batch batch) {
    final int k = golden.integer("teacher_layers") / golden.integer("layers");
    final Map<String, List<LossTerm>> terms = new LinkedHashMap<>();
    for (String which : List.of("query", "key", "value")) {
      final List<LossTerm> relations = new ArrayList<>();
      for (int i = 0; i < golden.integer("layers"); i++) {
        relations.add(
            DirectionMatching.relations(
                model.site("layer." + i + ".attention." + which),
                golden.floats("teacher_" + which + "_gram." + (i * k + k - 1)),
                golden.integer("heads"),
                WORKERS));
      }
      terms.put(which, relations);
    }
    final List<LossTerm> hidden = new ArrayList<>();
    for (int i = 0; i <= golden.integer("layers"); i++) {
      hidden.add(
          DistillationTerms.rows(
              Site.hiddenState(i),
              golden.floats("teacher_rep." + i * k),
              HiddenDistillation::direction));
    }
    terms.put("hidden", hidden);
    final int[] labels = golden.ints("labels");
    final float[] logits = golden.floats("teacher_logits");
    final Loss both =
        new SoftLabels(logits, logits.length / labels.length, 0.5)
            .loss(Losses.crossEntropy(labels), IntStream.range(0, labels.length).toArray());
    double total = 0;
    for (Map.Entry<String, List<LossTerm>> part : terms.entrySet()) {
      final double value =
          model.gradients(batch, Loss.NONE, part.getValue(), Regularization.NONE, new Sink());
      golden.check("loss." + part.getKey(), value);
      total += value;
    }
    final Sink sink = new Sink();
    final List<LossTerm> all = terms.values().stream().flatMap(List::stream).toList();
    final double value = model.gradients(batch, both, all, Regularization.NONE, sink);
    golden.check("loss.total", value);
    assertTrue(value > total);
    int compared = 0;
    for (Map.Entry<String, float[]> gradient : sink.gradients.entrySet()) {
      final String name =
          (gradient.getKey().startsWith("classifier.") ? "grad." : "grad.bert.")
              + gradient.getKey();
      final int d = golden.integer("hidden");
      // the reference gives its padding row no gradient
      golden.check(name, gradient.getValue(), i -> name.contains("word_embeddings") && i < d);
      compared++;
    }
    assertEquals(golden.names().stream().filter(s -> s.startsWith("grad.")).count(), compared);
  }
}
