//! Scripted stand-ins for what a voice agent talks to, for the tests of this library and of the apps that embed it.

pub mod openai;
