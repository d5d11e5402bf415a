package dev.bantam.runner.wrong.tensor;

import dev.bantam.runner.wrong.model.CircularModel;
import java.util.Random;

/** Breaks the rules of ArchitectureTest on purpose: up to a later module, loud, and unseeded. */
public final class UpwardTensor {
  private final Random random = new Random();

  /** Returns the later module's answer. */
  public int draw(CircularModel model) {
    System.out.println("drawing");
    if (model.size(this) < 0) {
      throw new RuntimeException("negative");
    }
    return random.nextInt();
  }
}
