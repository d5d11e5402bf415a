package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Single layers and modules against the same piece inside a whole forward. */
class LayerRunnerTest {
  private static final Workers WORKERS = new Workers(1);
  private static final Batch BATCH = TinyEncoder.batch(2, 6, 1, 9, 4);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static EncoderModel model() {
    return TinyEncoder.model(Activation.GELU_TANH, Pooling.MEAN, 10, WORKERS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void layersInARowAreTheEncoder(boolean everything) {
    final EncoderModel model = model();
    if (everything) {
      SampleAttachments.everywhere(model);
    }
    final List<INDArray> states = model.hiddenStates(BATCH);
    assertEquals(3, states.size());
    for (int i = 0; i < 2; i++) {
      final float[] before = Floats.toArray(states.get(i));
      final INDArray out = model.runLayer(i, states.get(i), BATCH.offsets(), Map.of());
      assertArrayEquals(Floats.toArray(states.get(i + 1)), Floats.toArray(out), "layer " + i);
      assertArrayEquals(before, Floats.toArray(states.get(i)), "the input is left alone");
    }
    assertArrayEquals(Floats.toArray(states.get(2)), model.encode(BATCH));
  }

  /** Layers 0 and 2 have the same weights; a bias by distance acts in all of them. */
  @Test
  void layersThatShareWeights() {
    final EncoderModel model =
        TinyEncoder.model(TinyEncoder.unlikeBert(PoolerActivation.GELU), Pooling.MEAN, 10, WORKERS);
    final List<INDArray> states = model.hiddenStates(BATCH);
    assertEquals(4, states.size());
    for (int i = 0; i < 3; i++) {
      final INDArray out = model.runLayer(i, states.get(i), BATCH.offsets(), Map.of());
      assertArrayEquals(Floats.toArray(states.get(i + 1)), Floats.toArray(out), "layer " + i);
    }
    same(model, "layer.2.attention.input", "layer.2.attention.context");
  }

  /** A matrix that two layers share saw the rows of both; the projection saw the tables. */
  @Test
  void linearInputsOfSharedMatrices() {
    final EncoderModel model =
        TinyEncoder.model(TinyEncoder.unlikeBert(PoolerActivation.GELU), Pooling.MEAN, 10, WORKERS);
    final Map<String, float[]> inputs = new HashMap<>();
    model.linearInputs(
        BATCH,
        List.of("encoder.layer.0.output.dense.weight", "embeddings.projection.weight"),
        (weight, input, rows, columns) -> {
          final float[] got = new float[rows * columns];
          input.read(0, got, 0, got.length);
          inputs.put(weight, got);
        });
    final List<float[]> sites =
        model.siteValues(
            BATCH,
            List.of(
                model.site("layer.0.ffn.hidden"),
                model.site("layer.2.ffn.hidden"),
                model.site("embeddings.output")));
    final float[] shared = inputs.get("encoder.layer.0.output.dense.weight");
    final int half = sites.get(0).length;
    assertArrayEquals(sites.get(0), Arrays.copyOf(shared, half));
    assertArrayEquals(sites.get(1), Arrays.copyOfRange(shared, half, shared.length));
    final float[] tables = inputs.get("embeddings.projection.weight");
    final float[] w = Floats.toArray(model.parameters().get("embeddings.projection.weight"));
    final float[] b = Floats.toArray(model.parameters().get("embeddings.projection.bias"));
    for (int i = 0; i < 21 * BATCH.tokens(); i++) {
      double sum = b[i % 21];
      for (int j = 0; j < 13; j++) {
        sum += (double) w[i % 21 * 13 + j] * tables[i / 21 * 13 + j];
      }
      assertEquals(sum, sites.get(2)[i], 1e-5);
    }
  }

  @Test
  void modulesAreThePiecesBehindTheirSites() {
    final EncoderModel model = model();
    for (int layer = 0; layer < 2; layer++) {
      final String p = "layer." + layer + ".";
      same(model, p + "attention.input", p + "attention.context");
      same(model, p + "attention.context", p + "attention.output");
      same(model, p + "ffn.hidden", p + "ffn.output");
    }
  }

  private static void same(EncoderModel model, String from, String to) {
    final List<float[]> values = model.siteValues(BATCH, List.of(model.site(from), model.site(to)));
    final INDArray x =
        Floats.tensor(values.get(0), BATCH.tokens(), values.get(0).length / BATCH.tokens());
    final INDArray y = model.runModule(model.site(from), x, BATCH.offsets(), Map.of());
    assertArrayEquals(values.get(1), Floats.toArray(y), 2e-6f, from);
  }

  /** Replaced weights are used for this call alone. */
  @Test
  void replacedWeights() {
    final EncoderModel model = model();
    final float[] outputs = model.outputs(BATCH).values();
    final Site site = model.site("layer.1.ffn.input");
    final float[] values = model.siteValues(BATCH, List.of(site)).get(0);
    final INDArray x = Floats.tensor(values, BATCH.tokens(), 21);
    final String name = "encoder.layer.1.intermediate.dense.";
    final float[] w = Floats.toArray(model.parameters().get(name + "weight"));
    final float[] b = Floats.toArray(model.parameters().get(name + "bias"));
    final Map<String, INDArray> replaced = new HashMap<>();
    for (int i = 0; i < w.length; i++) {
      w[i] *= i % 2 == 0 ? 3 : -1;
    }
    b[2] = 9f;
    replaced.put(name + "weight", Floats.tensor(w, 19, 21));
    replaced.put(name + "bias", Floats.tensor(b, 19));
    final float[] y = Floats.toArray(model.runModule(site, x, BATCH.offsets(), replaced));
    for (int t = 0; t < BATCH.tokens(); t++) {
      for (int o = 0; o < 19; o++) {
        double sum = b[o];
        for (int i = 0; i < 21; i++) {
          sum += (double) w[o * 21 + i] * values[t * 21 + i];
        }
        assertEquals(sum, y[t * 19 + o], 1e-5);
      }
    }
    assertArrayEquals(outputs, model.outputs(BATCH).values());
  }

  @Test
  void refusals() {
    final EncoderModel model = model();
    final INDArray x = Floats.tensor(new float[20 * 21], 20, 21);
    refused(
        "'layer.0.output'",
        () -> model.runModule(model.site("layer.0.output"), x, BATCH.offsets(), Map.of()));
    refused("[20, 21]", () -> model.runLayer(0, x, new int[] {0, 7}, Map.of()));
    refused(
        "no weight of layer 0",
        () ->
            model.runLayer(0, x, BATCH.offsets(), Map.of("encoder.layer.1.output.dense.bias", x)));
    refused(
        "[21], not [20, 21]",
        () ->
            model.runLayer(0, x, BATCH.offsets(), Map.of("encoder.layer.0.output.dense.bias", x)));
  }

  private static void refused(String part, Runnable call) {
    final IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  /** The rows in front of each matrix are those of its site, behind any transform. */
  @Test
  void linearInputs() {
    final EncoderModel model = TinyEncoder.model(Activation.GELU_TANH, Pooling.POOLER, 10, WORKERS);
    final Map<String, String> siteOf =
        Map.of(
            "encoder.layer.1.attention.self.value.weight", "layer.1.attention.input",
            "encoder.layer.1.attention.output.dense.weight", "layer.1.attention.context",
            "encoder.layer.0.intermediate.dense.weight", "layer.0.ffn.input",
            "encoder.layer.0.output.dense.weight", "layer.0.ffn.hidden",
            "pooler.dense.weight", "pooler.input",
            "classifier.weight", "pooled");
    final int[] seen = new int[1];
    for (boolean transformed : new boolean[] {false, true}) {
      if (transformed) {
        siteOf.values().forEach(site -> model.attach(site, new Negate()));
      }
      model.linearInputs(
          BATCH,
          siteOf.keySet(),
          (weight, input, rows, columns) -> {
            final float[] got = new float[rows * columns];
            input.read(0, got, 0, got.length);
            seen[0]++;
            assertEquals(model.parameters().get(weight).size(1), columns, weight);
            final boolean pooled = !weight.startsWith("encoder");
            assertEquals(pooled ? BATCH.sequences() : BATCH.tokens(), rows, weight);
            INPUTS.put(weight + transformed, got);
          });
      siteOf.forEach(
          (weight, site) -> {
            final float[] expected = model.siteValues(BATCH, List.of(model.site(site))).get(0);
            if (transformed) {
              for (int i = 0; i < expected.length; i++) {
                expected[i] = -expected[i];
              }
            }
            assertArrayEquals(expected, INPUTS.get(weight + transformed), weight);
          });
    }
    assertEquals(12, seen[0]);
  }

  private static final Map<String, float[]> INPUTS = new HashMap<>();

  /** Turns the sign, which no rounding can hide. */
  private static final class Negate implements ActivationTransform {
    @Override
    public void forward(Tile tile) {
      for (int i = 0; i < tile.length(); i++) {
        tile.values()[i] = -tile.values()[i];
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      throw new AssertionError("not used");
    }
  }
}
