package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What can be put on an encoder, where, and that it leaves no trace when taken off. */
class AttachmentsTest {
  private static final Workers WORKERS = new Workers(1);
  private static final Batch BATCH = TinyEncoder.batch(2, 6, 1, 9, 4);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static EncoderModel model(Pooling pooling) {
    return TinyEncoder.model(Activation.GELU_ERF, pooling, 7, WORKERS);
  }

  @Test
  void namesOfSites() {
    final EncoderModel model = model(Pooling.POOLER);
    final List<String> names = model.sites().stream().map(Site::toString).toList();
    assertEquals(2 + 2 * 17 + 2, names.size());
    assertEquals("embeddings.word", names.get(0));
    assertTrue(
        names.containsAll(
            List.of(
                "layer.0.attention.input",
                "layer.1.attention.query",
                "layer.1.attention.scores",
                "layer.1.attention.probabilities",
                "layer.0.attention.residual",
                "layer.1.ffn.hidden",
                "layer.1.output",
                "pooler.input",
                "pooled")));
    names.forEach(name -> assertEquals(name, model.site(name).toString()));
    assertEquals(model.site("embeddings.output"), Site.hiddenState(0));
    assertEquals(model.site("layer.1.output"), Site.hiddenState(2));
    assertFalse(
        model(Pooling.MEAN).sites().stream().anyMatch(s -> s.toString().equals("pooler.input")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"layer.2.output", "layer.0.ffn.inputs", "", "layer.-1.output"})
  void unknownSite(String name) {
    final EncoderModel model = model(Pooling.MEAN);
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> model.attach(name, new SampleAttachments.Identity()));
    assertTrue(e.getMessage().contains("'" + name + "'"), e.getMessage());
    assertTrue(e.getMessage().contains("layer.<0 to 1>.ffn.hidden"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> model.attach(name, value -> {}));
    assertThrows(IllegalArgumentException.class, () -> model.detach(name));
  }

  @Test
  void oneTransformASite() {
    final EncoderModel model = model(Pooling.MEAN);
    model.attach("pooled", new SampleAttachments.Bend());
    final IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> model.attach("pooled", new SampleAttachments.Bend()));
    assertTrue(e.getMessage().contains("'pooled'"), e.getMessage());
    model.detach("pooled");
    model.attach("pooled", new SampleAttachments.Bend());
  }

  /** With everything taken off, the model is the plain one again, to the bit. */
  @Test
  void detachAll() {
    final EncoderModel model = model(Pooling.POOLER);
    final float[] plain = model.outputs(BATCH).values();
    final Set<String> weights = model.parameters().keySet();
    SampleAttachments.everywhere(model);
    assertFalse(Arrays.equals(plain, model.outputs(BATCH).values()));
    assertTrue(model.parameters().size() > weights.size());
    assertEquals(weights, model.weights().keySet());
    model.detachAll();
    assertEquals(weights, model.parameters().keySet());
    assertArrayEquals(plain, model.outputs(BATCH).values());
    SampleAttachments.everywhere(model); // nothing stands in the way
  }

  /** An identity at every site changes no bit of the outputs; all of it off, none of anything. */
  @ParameterizedTest
  @ValueSource(floats = {0f, 0.2f})
  void identityEverywhere(float dropout) {
    final EncoderModel model = model(Pooling.POOLER);
    final Regularization regularization = new Regularization(dropout, 3);
    final float[] outputs = model.outputs(BATCH).values();
    final Map<String, float[]> gradients =
        TinyEncoder.gradients(model, BATCH, List.of(), regularization);
    for (Site site : model.sites()) {
      model.attach(site.toString(), new SampleAttachments.Identity());
    }
    assertArrayEquals(outputs, model.outputs(BATCH).values());
    final Map<String, float[]> with =
        TinyEncoder.gradients(model, BATCH, List.of(), regularization);
    // branches are added in another order: float32 rounding only
    gradients.forEach((name, g) -> assertArrayEquals(g, with.get(name), 2e-4f, name));
    model.sites().forEach(site -> model.detach(site.toString()));
    assertArrayEquals(outputs, model.outputs(BATCH).values());
    final Map<String, float[]> after =
        TinyEncoder.gradients(model, BATCH, List.of(), regularization);
    gradients.forEach((name, g) -> assertArrayEquals(g, after.get(name), name));
  }

  @Test
  void everythingOffIsPlain() {
    final EncoderModel model = model(Pooling.POOLER);
    final Map<String, float[]> plain =
        TinyEncoder.gradients(model, BATCH, List.of(), Regularization.NONE);
    final List<String> weights = List.copyOf(model.parameters().keySet());
    SampleAttachments.everywhere(model);
    assertTrue(model.parameters().keySet().containsAll(weights));
    assertTrue(model.parameters().size() > weights.size());
    assertFalse(java.util.Arrays.equals(plain.get("classifier.bias"), new float[3]));
    final float[] bent = model.outputs(BATCH).values();
    weights.stream().filter(EncoderPass::isLinear).forEach(model::resetOperator);
    model.sites().forEach(site -> model.detach(site.toString()));
    model.setAttention(0, SoftmaxAttention.INSTANCE);
    model.setAttention(1, SoftmaxAttention.INSTANCE);
    assertEquals(weights, List.copyOf(model.parameters().keySet()));
    assertFalse(java.util.Arrays.equals(bent, model.outputs(BATCH).values()));
    final Map<String, float[]> after =
        TinyEncoder.gradients(model, BATCH, List.of(), Regularization.NONE);
    assertEquals(plain.keySet(), after.keySet());
    plain.forEach((name, g) -> assertArrayEquals(g, after.get(name), name));
  }

  @Test
  void ownParametersAndTheirRates() {
    final EncoderModel model = model(Pooling.MEAN);
    final String weight = "encoder.layer.1.output.dense.weight";
    final SampleAttachments.Scaled scaled =
        new SampleAttachments.Scaled(model.parameters().get(weight));
    model.setOperator(weight, scaled);
    model.attach("layer.0.ffn.hidden", new SampleAttachments.Bend());
    model.setAttention(1, new SampleAttachments.Gated(2, 21));
    assertSame(scaled, model.operator(weight));
    final List<String> own =
        model.parameters().keySet().stream().filter(EncoderModel::isAttached).toList();
    assertEquals(
        List.of(
            weight + "/in",
            weight + "/weight",
            "layer.0.ffn.hidden/slope",
            "layer.0.ffn.hidden/bend",
            "layer.1.attention/gate.weight",
            "layer.1.attention/gate.bias"),
        own);
    assertEquals(0.5, model.learningRateFactor(weight + "/in"));
    assertEquals(2, model.learningRateFactor(weight + "/weight"));
    assertEquals(3, model.learningRateFactor("layer.0.ffn.hidden/slope"));
    assertEquals(1, model.learningRateFactor("layer.1.attention/gate.bias"));
    assertEquals(1, model.learningRateFactor(weight));
  }

  /** A parameter that nobody wants costs nothing; one of layer 1 needs no backward of layer 0. */
  @Test
  void onlyWhatIsWanted() {
    final EncoderModel model = model(Pooling.MEAN);
    SampleAttachments.everywhere(model);
    final Map<String, float[]> all =
        TinyEncoder.gradients(model, BATCH, List.of(), Regularization.NONE);
    for (String wanted :
        List.of(
            "layer.1.attention.key/slope",
            "encoder.layer.1.output.dense.weight/in",
            "encoder.layer.0.attention.self.key.weight/weight",
            "embeddings.word/bend")) {
      final Map<String, float[]> found = new LinkedHashMap<>();
      model.gradients(
          BATCH,
          TinyEncoder.loss(),
          Regularization.NONE,
          new GradientSink() {
            @Override
            public boolean wants(String parameter) {
              return parameter.equals(wanted);
            }

            @Override
            public void accept(String parameter, org.nd4j.linalg.api.ndarray.INDArray gradient) {
              found.put(parameter, Floats.toArray(gradient));
            }
          });
      assertEquals(List.of(wanted), List.copyOf(found.keySet()));
      assertArrayEquals(all.get(wanted), found.get(wanted), wanted);
    }
  }

  @Test
  void operatorsMustFit() {
    final EncoderModel model = model(Pooling.MEAN);
    final String weight = "encoder.layer.0.intermediate.dense.weight";
    final LinearOperator other = model.operator("encoder.layer.0.output.dense.weight");
    final IllegalArgumentException shape =
        assertThrows(IllegalArgumentException.class, () -> model.setOperator(weight, other));
    assertTrue(shape.getMessage().contains("[26 x 21]"), shape.getMessage());
    assertTrue(shape.getMessage().contains("[21 x 26]"), shape.getMessage());
    for (String name :
        List.of(
            "encoder.layer.2.output.dense.weight",
            "encoder.layer.0.output.dense.bias",
            "pooler.dense.weight",
            "embeddings.word_embeddings.weight")) {
      final IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> model.operator(name));
      assertTrue(e.getMessage().contains(name), e.getMessage());
    }
  }

  /** Observers get each batch once, in forward order, with the values of the hidden states. */
  @Test
  void observers() {
    final EncoderModel model = model(Pooling.MEAN);
    final List<String> seen = new ArrayList<>();
    final List<float[]> values = new ArrayList<>();
    for (String name :
        List.of("layer.1.output", "pooled", "layer.0.attention.scores", "layer.0.ffn.input")) {
      model.attach(
          name,
          value -> {
            seen.add(value.site().toString());
            values.add(value.toArray());
            assertSame(BATCH, value.batch());
          });
    }
    final float[] encoded = model.encode(BATCH);
    assertEquals(List.of("layer.0.attention.scores", "layer.0.ffn.input", "layer.1.output"), seen);
    assertArrayEquals(encoded, values.get(2));
    final float[] embedded = model.embed(BATCH, false);
    assertEquals("pooled", seen.get(6));
    assertArrayEquals(embedded, values.get(6));
    assertEquals(7, seen.size());
    // [heads, n, n] for each sequence
    assertEquals(3 * (36 + 1 + 81 + 16), values.get(0).length);
    assertEquals(7, seen.size());
    model.sites().forEach(site -> model.detach(site.toString()));
    model.encode(BATCH);
    assertEquals(7, seen.size());
  }

  /** Scores and probabilities against their definition from query and key. */
  @Test
  void valuesOfSites() {
    final EncoderModel model = model(Pooling.MEAN);
    final List<Site> sites =
        List.of(
            model.site("layer.1.attention.query"),
            model.site("layer.1.attention.key"),
            model.site("layer.1.attention.scores"),
            model.site("layer.1.attention.probabilities"));
    final List<float[]> values = model.siteValues(BATCH, sites);
    final int heads = 2;
    final int size = 7;
    int at = 0;
    for (int s = 0; s < BATCH.sequences(); s++) {
      final int n = BATCH.length(s);
      final int row = BATCH.offsets()[s];
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < n; i++) {
          double total = 0;
          final double[] e = new double[n];
          for (int j = 0; j < n; j++) {
            double dot = 0;
            for (int c = 0; c < size; c++) {
              dot +=
                  (double) values.get(0)[(row + i) * heads * size + h * size + c]
                      * values.get(1)[(row + j) * heads * size + h * size + c];
            }
            assertEquals(dot / Math.sqrt(size), values.get(2)[at + i * n + j], 1e-5);
            e[j] = Math.exp(dot / Math.sqrt(size));
            total += e[j];
          }
          for (int j = 0; j < n; j++) {
            assertEquals(e[j] / total, values.get(3)[at + i * n + j], 1e-6);
          }
        }
        at += n * n;
      }
    }
    assertEquals(at, values.get(2).length);
  }

  /** A term with weight w adds w times its value, and reads the site in front of a transform. */
  @Test
  void termsReadBeforeTheTransform() {
    final EncoderModel model = model(Pooling.MEAN);
    final Site site = model.site("layer.0.ffn.hidden");
    final float[] plain = model.siteValues(BATCH, List.of(site)).get(0);
    model.attach(site.toString(), new SampleAttachments.Bend());
    assertArrayEquals(plain, model.siteValues(BATCH, List.of(site)).get(0));
    final LossTerm term = TinyEncoder.term(site);
    final GradientSink nothing = (name, gradient) -> {};
    final double without = model.gradients(BATCH, TinyEncoder.loss(), Regularization.NONE, nothing);
    final double with =
        model.gradients(
            BATCH,
            TinyEncoder.loss(),
            List.of(term.weighted(3).weighted(0.5), term),
            Regularization.NONE,
            nothing);
    final double value = term.apply(BATCH, List.of(plain), List.of(new float[plain.length]));
    assertEquals(without + 2.5 * value, with, 1e-9 * Math.abs(with));
  }
}
