package dev.bantam.binarization;

import dev.bantam.compression.Retraining;
import dev.bantam.compression.Retraining.Teacher;
import dev.bantam.compression.Settings;
import dev.bantam.compression.TensorSelector;
import dev.bantam.training.FineTuning;
import java.util.List;
import java.util.Locale;

/**
 * The training of a binary encoder, {@code train:} of {@code binarize}.
 *
 * @param retraining loop, rates and teacher; each stage is one
 * @param labels weight of the labels' loss beside the teacher's
 * @param scaleRate learning rate of scales over that of the rest
 */
record BinaryTraining(Retraining retraining, double labels, double scaleRate) {
  /** Large enough that signs change: 5 to 20 times that of float fine-tuning. */
  private static final double LEARNING_RATE = 5e-4;

  private static final double SCALE_LEARNING_RATE = 1e-4;
  private static final double BELOW_ONE = Math.nextDown(1.0);

  /**
   * Reads {@code train:}; a problem if it is missing.
   *
   * @param wordsAreCoded whether the word table is trained too
   * @param elastic whether there are scales to learn
   */
  static BinaryTraining read(Settings step, Method method, boolean wordsAreCoded, boolean elastic) {
    return step.mapping("train")
        .map(s -> of(s, method, wordsAreCoded, elastic))
        .orElseGet(
            () -> {
              step.problem(
                  "train",
                  "a binary encoder has to be trained. Write for example 'train: {epochs: 4}'.");
              return harmless();
            });
  }

  private static BinaryTraining harmless() {
    return new BinaryTraining(
        new Retraining(
            new FineTuning(1, LEARNING_RATE, 1, 0, 0, 0, 0, List.of()), Teacher.NONE, 0, 1),
        0,
        1);
  }

  private static BinaryTraining of(
      Settings s, Method method, boolean wordsAreCoded, boolean elastic) {
    final FineTuning settings =
        new FineTuning(
            s.integer("epochs", 1, 10_000, 4),
            s.number("learning-rate", 1e-12, BELOW_ONE, LEARNING_RATE),
            s.integer("batch", 1, 1 << 16, 32),
            s.number("warm-up", 0, BELOW_ONE, 0.1),
            s.number("weight-decay", 0, BELOW_ONE, 0.01),
            s.number("dropout", 0, 0.99, 0.0),
            s.number("clip", 0, 1e6, 1.0),
            TensorSelector.patterns(
                s, "freeze", wordsAreCoded ? List.of() : List.of("embeddings.*")));
    final Teacher teacher =
        s.choice("teacher", Teacher.class, method == Method.SIGN ? Teacher.NONE : Teacher.DENSE);
    final double labels =
        teacher == Teacher.NONE ? 1 : s.number("labels", 0, 100, usualLabels(method));
    final double scaleRate =
        elastic
            ? s.number("scale-learning-rate", 1e-12, BELOW_ONE, SCALE_LEARNING_RATE)
                / settings.learningRate()
            : 1;
    return new BinaryTraining(
        new Retraining(settings, teacher, teacher == Teacher.NONE ? 0 : 1, 1), labels, scaleRate);
  }

  /** The weight of the labels' loss beside a teacher's if the file gives none. */
  static double usualLabels(Method method) {
    return method == Method.BIBERT ? 0.5 : 0.0;
  }

  /** Whether there is a teacher. */
  boolean isTaught() {
    return retraining.teacher() != Teacher.NONE;
  }

  BinaryTraining smoke() {
    return new BinaryTraining(retraining.smoke(), labels, scaleRate);
  }

  /**
   * In words, for plans and logs.
   *
   * @param stages how many times there are as many epochs
   */
  String describe(int stages) {
    final int epochs = retraining.settings().epochs();
    return String.format(
        Locale.ROOT,
        "%d %s%s %s",
        epochs,
        epochs == 1 ? "epoch" : "epochs",
        stages == 1 ? "" : " a stage",
        isTaught() ? "towards the dense model" : "on labels");
  }
}
