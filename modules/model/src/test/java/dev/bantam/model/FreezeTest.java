package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Model.Frozen;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** A frozen model gives the results of a live one, and a live one sees every change. */
class FreezeTest {
  private static final Workers WORKERS = new Workers(2);
  private static final String WEIGHT = "encoder.layer.1.intermediate.dense.weight";

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private final EncoderModel model =
      TinyEncoder.model(Activation.GELU_ERF, Pooling.POOLER, 5, WORKERS);
  private final Batch batch = TinyEncoder.batch(4, 5, 8, 2);

  private void change() {
    final Floats weight = Floats.of(model.parameters().get(WEIGHT));
    weight.fill(0, weight.length(), 0.25f);
  }

  @Test
  void resultsAreThoseOfALiveModel() {
    final float[] live = model.outputs(batch).values();
    final Frozen frozen = model.freeze();
    assertArrayEquals(live, model.outputs(batch).values());
    assertArrayEquals(live, model.outputs(batch).values());
    frozen.close();
    assertArrayEquals(live, model.outputs(batch).values());
  }

  @Test
  void afterwardsChangesAreSeenAgain() {
    final Frozen frozen = model.freeze();
    final float[] before = model.outputs(batch).values();
    frozen.close();
    change();
    final float[] after = model.outputs(batch).values();
    assertFalse(Arrays.equals(before, after));
    final Frozen again = model.freeze();
    assertArrayEquals(after, model.outputs(batch).values());
    again.close();
  }

  @Test
  void anInnerScopeDoesNotEndTheOuterOne() {
    final Frozen outer = model.freeze();
    model.freeze().close();
    assertThrows(IllegalStateException.class, () -> model.resetOperator(WEIGHT));
    outer.close();
    model.resetOperator(WEIGHT);
  }

  @Test
  void aClosedModelIsNotFrozenAnyMore() {
    final Frozen frozen = model.freeze();
    final float[] before = model.outputs(batch).values();
    model.close();
    assertArrayEquals(before, model.outputs(batch).values());
    frozen.close();
  }

  @Test
  void gradientsAndAttachmentsWaitForTheEnd() {
    final Frozen frozen = model.freeze();
    final IllegalStateException refused =
        assertThrows(
            IllegalStateException.class,
            () -> TinyEncoder.gradients(model, batch, List.of(), Regularization.NONE));
    assertTrue(refused.getMessage().contains("frozen"), refused.getMessage());
    frozen.close();
    assertEquals(
        model.parameters().size(),
        TinyEncoder.gradients(model, batch, List.of(), Regularization.NONE).size());
  }
}
