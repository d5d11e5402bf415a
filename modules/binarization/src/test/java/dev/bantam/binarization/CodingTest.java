package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A whole encoder: what is stored computes what was trained, to the bit, on bits. */
class CodingTest {
  private static final Workers WORKERS = new Workers(2);
  private static final int D = 24;
  private static final int F = 70;
  private static final int VOCABULARY = 50;

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static INDArray draw(Random random, double scale, long... shape) {
    final float[] values =
        new float[(int) java.util.Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return Floats.tensor(values, shape);
  }

  private static EncoderModel model() {
    return model(5, WORKERS);
  }

  /** Two layers of three heads of eight, 24 wide. */
  static EncoderModel model(long seed, Workers workers) {
    final Random random = new Random(seed);
    final Map<String, INDArray> p = new LinkedHashMap<>();
    p.put(Coding.WORDS, draw(random, 1, VOCABULARY, D));
    p.put("embeddings.position_embeddings.weight", draw(random, 0.3, 40, D));
    p.put("embeddings.token_type_embeddings.weight", draw(random, 0.3, 2, D));
    norm(p, random, "embeddings.LayerNorm");
    for (int i = 0; i < 2; i++) {
      final String layer = "encoder.layer." + i + ".";
      for (String name : List.of("query", "key", "value")) {
        linear(p, random, layer + "attention.self." + name, D, D);
      }
      linear(p, random, layer + "attention.output.dense", D, D);
      norm(p, random, layer + "attention.output.LayerNorm");
      linear(p, random, layer + "intermediate.dense", F, D);
      linear(p, random, layer + "output.dense", D, F);
      norm(p, random, layer + "output.LayerNorm");
    }
    linear(p, random, "pooler.dense", D, D);
    linear(p, random, "classifier", 3, D);
    return new EncoderModel(
        new Architecture(
            "bert",
            VOCABULARY,
            40,
            2,
            D,
            8,
            List.of(new LayerShape(3, F), new LayerShape(3, F)),
            Architecture.Activation.GELU_ERF,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            1e-12,
            0,
            true),
        Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c"))),
        Pooling.POOLER,
        p,
        workers);
  }

  private static void linear(Map<String, INDArray> p, Random random, String name, int o, int k) {
    p.put(name + ".weight", draw(random, 0.4, o, k));
    p.put(name + ".bias", draw(random, 0.1, o));
  }

  private static void norm(Map<String, INDArray> p, Random random, String name) {
    p.put(name + ".weight", draw(random, 1, D));
    p.put(name + ".bias", draw(random, 0.1, D));
  }

  /** Three sequences; with enough tokens, several shards. */
  static Batch batch(int... lengths) {
    final Random random = new Random(lengths.length);
    final int[] offsets = new int[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      offsets[i + 1] = offsets[i] + lengths[i];
    }
    final int n = offsets[lengths.length];
    final int[] ids = random.ints(n, 0, VOCABULARY).toArray();
    final int[] positions = new int[n];
    for (int s = 0; s < lengths.length; s++) {
      for (int t = offsets[s]; t < offsets[s + 1]; t++) {
        positions[t] = t - offsets[s];
      }
    }
    return new Batch(ids, new int[n], positions, offsets);
  }

  private static Set<String> matrices(EncoderModel model) {
    final Set<String> names = new LinkedHashSet<>();
    model.weights().keySet().stream()
        .filter(name -> name.endsWith(".weight") && model.weights().get(name).rank() == 2)
        .filter(name -> name.startsWith("encoder.") || name.startsWith("pooler."))
        .forEach(names::add);
    assertEquals(13, names.size());
    return names;
  }

  @ParameterizedTest
  @CsvSource({
    "BIBERT, 1, 1, 1, AT_LEAST_ZERO",
    "BIBERT, 1, 1, 1, ABOVE_ZERO",
    "BIBERT, 1, 1, 2, AT_LEAST_ZERO",
    "BIBERT, 1, 32, 4, AT_LEAST_ZERO",
    "BIBERT, 2, 2, 8, AT_LEAST_ZERO",
    "SIGN, 1, 1, 1, AT_LEAST_ZERO",
    "BIT, 1, 1, 1, AT_LEAST_ZERO",
    "BIT, 1, 1, 2, AT_LEAST_ZERO",
    "BIT, 2, 2, 4, AT_LEAST_ZERO",
    "BIT, 1, 32, 8, AT_LEAST_ZERO"
  })
  void storedComputesWhatWasTrained(
      Method method, int weights, int words, int activations, Threshold threshold) {
    final EncoderModel model = model();
    final Batch small = batch(5, 9, 7);
    final Coding coding =
        new Coders(method, weights, words, activations, threshold, true, 0.2)
            .attach(model, matrices(model), small, Optional.empty());
    final Batch large = batch(java.util.stream.IntStream.range(0, 24).map(i -> 12 + i).toArray());
    final List<Site> sites =
        model.sites().stream().filter(site -> site.kind() != Kind.EMBEDDINGS_WORD).toList();
    final List<float[]> trained = model.siteValues(small, sites);
    final float[] logits = model.outputs(small).values();
    final float[] manyLogits = model.outputs(large).values();
    final Map<String, StoredOperation> operations = new LinkedHashMap<>();
    coding.operations().forEach((place, operation) -> operations.put(place, operation.stored()));
    model.detachAll();
    for (String name : coding.tensors()) {
      final INDArray weight = model.weights().get(name);
      final INDArray restored = CodedWeight.of(coding.weightCoder(name), weight).form().dense();
      Floats.of(weight).copy(0, Floats.of(restored), 0, (int) weight.length());
    }
    Operations.attach(model, operations);
    assertTrue(
        model.operator("encoder.layer.1.output.dense.weight") instanceof PackedLinear,
        "products run on bits");
    final List<float[]> stored = model.siteValues(small, sites);
    for (int i = 0; i < sites.size(); i++) {
      assertArrayEquals(trained.get(i), stored.get(i), sites.get(i).toString());
    }
    assertArrayEquals(logits, model.outputs(small).values());
    assertArrayEquals(manyLogits, model.outputs(large).values());
    model.detachAll();
    coding.close();
  }

  /** Without scores read, Bi-Attention runs on bits and gives the same context. */
  @Test
  void attentionOnBits() {
    final EncoderModel model = model();
    final Batch batch = batch(3, 17, 33);
    final List<Site> context = List.of(new Site(0, Kind.ATTENTION_CONTEXT));
    for (Threshold threshold : Threshold.values()) {
      model.setAttention(0, new BiAttention(threshold));
      final float[] expected = model.siteValues(batch, context).get(0);
      model.setAttention(0, new PackedBiAttention(threshold));
      assertArrayEquals(expected, model.siteValues(batch, context).get(0), threshold.toString());
    }
  }

  /** What a file says wrongly is refused by name. */
  @Test
  void wrongOperations() {
    refused("coded-input", Map.of("input", "sines", "bits", "1"), "input", "sines");
    refused("coded-input", Map.of("input", "sign", "bits", "9"), "bits");
    refused("coded-input", Map.of("input", "sign", "bits", "2"), "1 bit");
    refused("coded-input", Map.of("input", "range", "bits", "1"), "2 to 8 bits");
    refused("coded-input", Map.of("input", "sign", "bits", "1", "speed", "9"), "speed");
    refused("coded-input", Map.of("input", "elastic", "bits", "1", "signed", "true"), "scale");
    refused("bi-attention", Map.of("threshold", "zero"), "at-least-zero");
    refused("relu", Map.of("slope", "1"), "slope");
    final EncoderModel model = model();
    final BantamException place =
        assertThrows(
            BantamException.class,
            () ->
                Operations.attach(
                    model, Map.of("layer.7.ffn", new StoredOperation("relu", Map.of(), Map.of()))));
    assertTrue(place.getMessage().contains("no layer 7"), place.getMessage());
    final Operation packed = CodedOperation.atMatrix(new SignInput(), false);
    final BantamException floats =
        assertThrows(
            BantamException.class,
            () -> Operations.attach(model, Map.of("pooler.dense.weight", packed.stored())));
    assertTrue(floats.getMessage().contains("row 0"), floats.getMessage());
  }

  private static void refused(String kind, Map<String, String> attributes, String... says) {
    final BantamException e =
        assertThrows(
            BantamException.class,
            () -> Operations.decode(new StoredOperation(kind, attributes, Map.of())));
    for (String part : says) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }
}
