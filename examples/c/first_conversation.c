// A first conversation: question.wav in, answer.wav out, offline.
//   cc first_conversation.c $(pkg-config --cflags --libs voice_core) -o first_conversation
#include <stdio.h>

#include <voice_core.h>

int main(void) {
    vc_agent *agent = NULL; vc_reply *reply = NULL; vc_error *error = NULL;
    if (vc_agent_new_local(NULL, &agent, &error) != VC_OK || vc_converse_file(agent, "question.wav", &reply, &error) != VC_OK) {
        fprintf(stderr, "%s: %s\n", vc_error_code(error), vc_error_message(error)); vc_error_free(error); return 1;
    }
    printf("%s\n%s\n", vc_reply_transcript(reply), vc_reply_text(reply));
    vc_reply_save_audio(reply, "answer.wav", NULL);
    vc_reply_free(reply); vc_agent_free(agent);
}
