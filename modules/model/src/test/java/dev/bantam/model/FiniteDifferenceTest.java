package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of every tensor against directional differences of the loss: four evaluations of the
 * float32 model, {@code (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h}, with an error of order h^4.
 */
class FiniteDifferenceTest {
  private static final Workers WORKERS = new Workers(1);
  private static final double TOLERANCE = 1e-3;
  private static final GradientSink NOTHING =
      new GradientSink() {
        @Override
        public boolean wants(String parameter) {
          return false;
        }

        @Override
        public void accept(String parameter, INDArray gradient) {
          throw new AssertionError("not wanted: " + parameter);
        }
      };

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  @ParameterizedTest
  @CsvSource({"GELU_ERF,POOLER,0", "GELU_TANH,MEAN,0", "GELU_ERF,CLS,0.2"})
  void plainEncoder(Activation activation, Pooling pooling, float dropout) {
    final EncoderModel model = TinyEncoder.model(activation, pooling, 3, WORKERS);
    check(model, List.of(), new Regularization(dropout, 11), 39);
  }

  /** Projection, shared layers, bias by distance, positions behind padding, other poolers. */
  @ParameterizedTest
  @CsvSource({"GELU,POOLER,0", "TANH,MEAN,0"})
  void unlikeBert(PoolerActivation activation, Pooling pooling, float dropout) {
    final EncoderModel model =
        TinyEncoder.model(TinyEncoder.unlikeBert(activation), pooling, 7, WORKERS);
    check(model, List.of(), new Regularization(dropout, 21), 39);
  }

  /** The same with parameters of operators that two layers share, and terms on every site. */
  @Test
  void unlikeBertWithEverythingAttached() {
    final EncoderModel model =
        TinyEncoder.model(
            TinyEncoder.unlikeBert(PoolerActivation.GELU), Pooling.POOLER, 8, WORKERS);
    SampleAttachments.everywhere(model);
    final List<LossTerm> terms =
        model.sites().stream().map(site -> TinyEncoder.term(site).weighted(0.3)).toList();
    // two bends a site, two scales an operator, two tensors a gate
    final int own = 2 * model.sites().size() + 2 * 14;
    check(model, TinyEncoder.batch(2, 5, 3), terms, new Regularization(0.2f, 22), 41 + own);
  }

  /** A head that reads some tokens, with everything attached; there is no pooled site then. */
  @ParameterizedTest
  @ValueSource(floats = {0, 0.2f})
  void headOfTokens(float dropout) {
    final EncoderModel model =
        TinyEncoder.model(Activation.GELU_ERF, Pooling.MEAN, 3, WORKERS)
            .withHead(
                new Head(Head.Kind.TOKEN_LABEL, List.of("a", "b", "c")),
                Pooling.MEAN,
                TinyEncoder.model(Activation.GELU_ERF, Pooling.MEAN, 6, WORKERS)
                    .parameters()
                    .get("classifier.weight"),
                TinyEncoder.model(Activation.GELU_ERF, Pooling.MEAN, 6, WORKERS)
                    .parameters()
                    .get("classifier.bias"));
    assertTrue(model.sites().stream().noneMatch(site -> site.kind().perSequence()));
    SampleAttachments.everywhere(model);
    final List<LossTerm> terms =
        model.sites().stream().map(site -> TinyEncoder.term(site).weighted(0.3)).toList();
    final int own = 2 * model.sites().size() + 2 * 12 + 4;
    final Batch all = TinyEncoder.batch(2, 6, 1, 9, 4);
    final Batch some =
        new Batch(
            all.ids(), all.typeIds(), all.positions(), all.offsets(), new int[] {1, 2, 6, 12, 19});
    check(model, some, terms, new Regularization(dropout, 13), 37 + own);
  }

  /** Transforms at every site, operators and attention with parameters, a term on every site. */
  @ParameterizedTest
  @CsvSource({"POOLER,0", "MEAN,0.2"})
  void everythingAttached(Pooling pooling, float dropout) {
    final EncoderModel model = TinyEncoder.model(Activation.GELU_ERF, pooling, 4, WORKERS);
    SampleAttachments.everywhere(model);
    final List<LossTerm> terms =
        model.sites().stream().map(site -> TinyEncoder.term(site).weighted(0.3)).toList();
    // two bends a site, two scales an operator, two tensors a gate
    final int own = 2 * model.sites().size() + 2 * (pooling == Pooling.POOLER ? 13 : 12) + 4;
    check(model, terms, new Regularization(dropout, 12), 37 + own);
  }

  /** Loss terms alone, without a head's loss. */
  @Test
  void termsWithoutTask() {
    final EncoderModel model = TinyEncoder.model(Activation.GELU_ERF, Pooling.MEAN, 5, WORKERS);
    final LossTerm term = TinyEncoder.term(model.site("layer.0.attention.scores"));
    final Batch batch = TinyEncoder.batch(1, 5, 3);
    final double[] seen = new double[1];
    final double loss =
        model.gradients(
            batch,
            Loss.NONE,
            List.of(term.weighted(2)),
            Regularization.NONE,
            (name, gradient) -> {
              final boolean above = name.contains("layer.1") || name.contains("layer.0.output");
              for (float g : Floats.toArray(gradient)) {
                assertTrue(!above || g == 0f, name + " does not act on the scores of layer 0");
                seen[0] += Math.abs(g);
              }
            });
    final float[] scores =
        model.siteValues(batch, List.of(model.site("layer.0.attention.scores"))).get(0);
    assertEquals(
        2 * term.apply(batch, List.of(scores), List.of(new float[scores.length])), loss, 1e-9);
    assertTrue(seen[0] > 0.1, "gradients of size " + seen[0]);
  }

  private static void check(
      EncoderModel model, List<LossTerm> terms, Regularization regularization, int atLeast) {
    check(model, TinyEncoder.batch(2, 6, 1, 9, 4), terms, regularization, atLeast);
  }

  private static void check(
      EncoderModel model,
      Batch batch,
      List<LossTerm> terms,
      Regularization regularization,
      int atLeast) {
    final Map<String, float[]> gradients =
        TinyEncoder.gradients(model, batch, terms, regularization);
    assertEquals(model.parameters().keySet(), java.util.Set.copyOf(gradients.keySet()));
    assertTrue(gradients.size() >= atLeast, gradients.size() + " gradients");
    final Random random = new Random(5);
    final StringBuilder bad = new StringBuilder();
    double worst = 0;
    int compared = 0;
    for (Map.Entry<String, float[]> entry : gradients.entrySet()) {
      final INDArray tensor = model.parameters().get(entry.getKey());
      final float[] w = Floats.toArray(tensor);
      final double[] direction = direction(entry.getValue(), random);
      double slope = 0;
      for (int i = 0; i < w.length; i++) {
        slope += direction[i] * entry.getValue()[i];
      }
      if (Math.abs(slope) < 1e-3) {
        // a key's bias shifts all scores of a query alike: no effect, but for what sits behind
        assertTrue(entry.getKey().endsWith("key.bias"), entry.getKey() + " has no gradient");
        continue;
      }
      double error = Double.POSITIVE_INFINITY;
      for (double h : new double[] {0.03, 0.08, 0.01}) {
        final double difference =
            (8
                        * (at(model, batch, terms, regularization, tensor, w, direction, h)
                            - at(model, batch, terms, regularization, tensor, w, direction, -h))
                    - (at(model, batch, terms, regularization, tensor, w, direction, 2 * h)
                        - at(model, batch, terms, regularization, tensor, w, direction, -2 * h)))
                / (12 * h);
        error = Math.min(error, Math.abs(difference - slope) / Math.abs(slope));
        if (error <= TOLERANCE) {
          break; // a large step truncates, a small one drowns in rounding: one has to do
        }
      }
      Floats.of(tensor).write(0, w, 0, w.length);
      worst = Math.max(worst, error);
      compared++;
      if (error > TOLERANCE) {
        bad.append(entry.getKey()).append(": ").append(error).append(" at slope ").append(slope);
        bad.append('\n');
      }
    }
    assertTrue(compared >= atLeast - 4, compared + " tensors compared");
    assertTrue(bad.isEmpty(), "worst " + worst + "\n" + bad);
  }

  /** A unit vector along the gradient with some noise, so that the slope is far from zero. */
  private static double[] direction(float[] gradient, Random random) {
    final double[] direction = new double[gradient.length];
    double norm = 0;
    for (int i = 0; i < direction.length; i++) {
      direction[i] = gradient[i] * (1 + 0.5 * random.nextGaussian());
      norm += direction[i] * direction[i];
    }
    for (int i = 0; i < direction.length; i++) {
      direction[i] /= Math.sqrt(Math.max(norm, 1e-30));
    }
    return direction;
  }

  private static double at(
      EncoderModel model,
      Batch batch,
      List<LossTerm> terms,
      Regularization regularization,
      INDArray tensor,
      float[] w,
      double[] direction,
      double h) {
    final float[] moved = new float[w.length];
    for (int i = 0; i < w.length; i++) {
      moved[i] = (float) (w[i] + h * direction[i]);
    }
    Floats.of(tensor).write(0, moved, 0, moved.length);
    return model.gradients(batch, TinyEncoder.loss(), terms, regularization, NOTHING);
  }
}
