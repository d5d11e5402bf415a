package dev.bantam.data;

import java.util.Locale;

/** The four parts of a task. A text is in exactly one of train and tune. */
public enum Split {
  /** What a model is trained and calibrated on. */
  TRAIN,
  /** The tenth of the training file on which everything that is chosen is chosen. */
  TUNE,
  /** What is reported. */
  DEV,
  /** Kept aside; empty where a task has none. */
  TEST;

  /** The name in files and reports: lower case. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
