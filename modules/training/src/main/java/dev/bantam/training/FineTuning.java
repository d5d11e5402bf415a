package dev.bantam.training;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;
import java.util.Locale;

/**
 * How a model is fine-tuned.
 *
 * @param epochs passes over the training examples, at least 1
 * @param learningRate highest rate of the schedule
 * @param batch sentences of a step
 * @param warmUp share of all steps in which the rate rises, in [0, 1)
 * @param weightDecay decoupled decay on matrices
 * @param dropout share of activations dropped, in [0, 1)
 * @param clip largest global gradient norm, 0 for none
 * @param frozen parameters that are not trained, as {@link dev.bantam.checkpoint.NamePattern}s,
 *     e.g. {@code embeddings.*}
 */
public record FineTuning(
    int epochs,
    double learningRate,
    int batch,
    double warmUp,
    double weightDecay,
    double dropout,
    double clip,
    List<String> frozen) {

  public FineTuning {
    frozen = List.copyOf(frozen);
    check("epochs", epochs, epochs >= 1, "at least 1");
    check("learning-rate", learningRate, learningRate > 0 && learningRate < 1, "in (0, 1)");
    check("batch", batch, batch >= 1, "at least 1");
    check("warm-up", warmUp, warmUp >= 0 && warmUp < 1, "a share in [0, 1)");
    check("weight-decay", weightDecay, weightDecay >= 0 && weightDecay < 1, "in [0, 1)");
    check("dropout", dropout, dropout >= 0 && dropout < 1, "a share in [0, 1)");
    check("clip", clip, clip >= 0 && clip < Double.POSITIVE_INFINITY, "at least 0");
  }

  /** Updates of a whole training on so many examples. */
  public long updates(int examples) {
    return (examples + batch - 1L) / batch * epochs;
  }

  private static void check(String name, double value, boolean good, String range) {
    if (!good) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          String.format(Locale.ROOT, "finetune: '%s' is %s and must be %s.", name, value, range));
    }
  }
}
