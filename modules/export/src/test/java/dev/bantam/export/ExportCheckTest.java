package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The comparison of an exported model with the one that was read back. */
class ExportCheckTest {
  private static final String MATRIX = "encoder.layer.0.attention.output.dense.weight";
  private static final String BIAS = "classifier.bias";

  private final Workers workers = new Workers(1);
  private final Checkpoint classifier =
      TinyBert.of(
          Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c"))),
          Pooling.MEAN,
          false,
          12);

  @AfterEach
  void close() {
    workers.close();
  }

  private EncoderModel encoder(Checkpoint like, Map<String, INDArray> weights) {
    return new EncoderModel(like.architecture(), like.head(), like.pooling(), weights, workers);
  }

  private ExportCheck check(Checkpoint model, Map<String, INDArray> changed) {
    return ExportCheck.compare(encoder(model, model.parameters()), encoder(model, changed), model);
  }

  @Test
  void theSameWeightsDifferInNothing() {
    for (Checkpoint model : List.of(classifier, TinyBert.sentenceEncoder())) {
      final ExportCheck same = check(model, model.parameters());
      assertEquals(0, same.largest());
      assertEquals(0, same.mean());
      assertEquals(0, same.flips());
      assertTrue(same.inputs() >= 10, "texts: " + same.inputs());
    }
  }

  @Test
  void oneChangedWeightShows() {
    for (Checkpoint model : List.of(classifier, TinyBert.sentenceEncoder())) {
      final ExportCheck changed = check(model, TinyBert.changed(model, MATRIX, 17, 0.5f));
      assertTrue(changed.largest() > 1e-6, changed.toString());
      assertTrue(changed.mean() > 0 && changed.mean() <= changed.largest(), changed.toString());
    }
  }

  /** A bias is added to every logit of its class, so by hand: 12 texts, a third of the outputs. */
  @Test
  void sizesAndFlipsAreThoseOfABias() {
    final ExportCheck changed = check(classifier, TinyBert.changed(classifier, BIAS, 1, 100f));
    assertEquals(100, changed.largest(), 1e-3);
    assertEquals(100.0 / 3, changed.mean(), 1e-3);
    final ExportCheck back = check(classifier, TinyBert.changed(classifier, BIAS, 1, -100f));
    assertEquals(changed.inputs(), changed.flips() + back.flips(), "'b' wins always, and never");
  }

  /** One text holds an 'x' and nothing else; all the others come out as they should. */
  @Test
  void aSingleOutputThatIsNoNumberIsTheLargestDifference() {
    final int id = classifier.tokenizer().orElseThrow().encode("x", 12).ids()[1];
    final int width = classifier.architecture().hiddenSize();
    final ExportCheck changed =
        check(
            classifier,
            TinyBert.changed(
                classifier, "embeddings.word_embeddings.weight", id * width, Float.NaN));
    assertTrue(Double.isNaN(changed.largest()), changed.toString());
  }
}
